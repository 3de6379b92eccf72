"""Requests drawn from the OpenAPI document, right and wrong: no 5xx, and no answer that is not in the document."""

from collections import Counter

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

EXAMPLES = 20       # of each operation and kind
CHECKS = [not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
          checks.response_headers_conformance, checks.response_schema_conformance]


def fuzzed(operation, mode, headers, examples: int) -> Counter[int]:
    """How often which status was answered; fails at the first answer that is not in the document."""
    statuses: Counter[int] = Counter()

    @hypothesis.settings(max_examples=examples, derandomize=True, database=None, deadline=None,
                         suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def fuzz(case):
        response = case.call(headers=headers)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    fuzz()
    return statuses


@pytest.fixture
def document(serve):
    server = serve(require_keys=True)
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    return [found.ok() for found in schema.get_all_operations()], server


@pytest.mark.slow
def test_with_a_key_every_answer_is_in_the_document_and_none_is_a_bug(document):
    operations, server = document
    headers = server.key("admin")
    found = {(operation.label, mode): fuzzed(operation, mode, headers, EXAMPLES)
             for operation in operations for mode in GenerationMode
             if mode is GenerationMode.POSITIVE or operation.body or operation.path_parameters or operation.query}
    assert "Traceback" not in server.log()
    for label in ("POST /v1/telemetry", "POST /v1/predict", "GET /v1/machines"):     # not only refusals were seen
        assert found[label, GenerationMode.POSITIVE][200], found
        assert found[label, GenerationMode.NEGATIVE][422], found


def test_without_a_key_nothing_but_health_is_answered(document):
    operations, server = document
    for operation in operations:
        said = fuzzed(operation, GenerationMode.POSITIVE, {}, 3)
        assert set(said) == ({200} if operation.path in {"/healthz", "/readyz"} else {401}), operation.label
    assert "Traceback" not in server.log()
