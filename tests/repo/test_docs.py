"""Tables that are written from code and YAML are those of this code and this YAML."""

import pytest

from tests.repo.closure import ROOT
from tests.repo.docs import TABLES, renewed


@pytest.mark.parametrize("name", TABLES)
def test_a_generated_table_is_renewed(name):
    page, write = TABLES[name]
    text = (ROOT / page).read_text(encoding="utf-8")
    assert renewed(text, name, write()) == text, "run `make tables`"


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="no marks <!-- stages -->"):
        renewed("a page", "stages", "")
