"""Text of a contract -> `Contract`, or every breach at once."""

from typing import Any, Final

import pydantic
import yaml

from oilcan.contract.rules import broken_rules
from oilcan.contract.words import Contract
from oilcan.ground.errors import ContractError, bullet_list
from oilcan.ground.section import breaches

UNKNOWN: Final = "FILL_IN"      # what `oilcan dataset new` writes where it cannot know


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} occurs twice", key.start_mark)
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse_contract(text: str, where: str) -> Contract:
    """Read a contract; `where` names the file in messages.

    Raises
    ------
    ContractError
        If the YAML cannot be read, an entry is missing, unknown or of the wrong type, a value is
        still to be filled in, or entries contradict each other. All breaches are listed.
    """
    try:
        values = yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader that also refuses repeated keys
    except yaml.YAMLError as err:
        raise ContractError(f"{where}: not readable as YAML ({' '.join(str(err).split())}). Fix the file.") from err
    blanks = _unfilled(values)
    if blanks:
        lines = [f"{path}: still to be filled in (found {UNKNOWN!r})" for path in blanks]
        raise ContractError(bullet_list(f"{where} is a draft; fill in what only you can know", lines))
    try:
        contract = Contract.model_validate(values)
    except pydantic.ValidationError as err:
        raise ContractError(bullet_list(f"{where} is not a valid contract", breaches(err))) from None
    broken = broken_rules(contract)
    if broken:
        raise ContractError(bullet_list(f"{where} contradicts itself", broken))
    return contract


def _unfilled(values: Any, path: str = "") -> list[str]:
    if isinstance(values, dict):
        return [hit for key, value in values.items() for hit in _unfilled(value, f"{path}.{key}".lstrip("."))]
    if isinstance(values, list):
        return [hit for at, value in enumerate(values) for hit in _unfilled(value, f"{path}.{at}")]
    return [path] if isinstance(values, str) and UNKNOWN in values else []
