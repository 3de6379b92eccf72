"""Rendering of the templates of this package.

`page.html` is the frame and `page.css` the style of every HTML page; a page is a template that extends the frame.
Markdown is not escaped.
"""

from typing import Any, Final

import jinja2

from oilcan.core.phrasing.quantities import number

_HTML: Final = jinja2.Environment(loader=jinja2.PackageLoader("oilcan.reports"), autoescape=True, trim_blocks=True,
                                  lstrip_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
_MARKDOWN: Final = jinja2.Environment(loader=jinja2.PackageLoader("oilcan.reports"), autoescape=False,  # noqa: S701
                                      undefined=jinja2.StrictUndefined, keep_trailing_newline=True)


def cell(value: Any) -> str:
    """A value in a table: numbers to four digits, other values as text.

    Examples
    --------
    >>> cell(0.123456), cell("promote"), cell(True)
    ('0.1235', 'promote', 'True')
    """
    return number(value, 4) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def unbroken(text: str) -> str:
    """A number and its unit stay on one line.

    Examples
    --------
    >>> unbroken("EUR 1.2 million").split()
    ['EUR', '1.2', 'million']
    >>> " " in unbroken("EUR 1.2 million, 5 %").replace(", ", "")
    False
    """
    return text.replace(" %", "\u00a0%").replace("EUR ", "EUR\u00a0").replace(" million", "\u00a0million")


_HTML.filters["unbroken"] = unbroken


def html(template: str, **values: Any) -> str:
    """An HTML page from the template of that name."""
    return _HTML.get_template(template).render(**values)


def markdown(template: str, **values: Any) -> str:
    """A Markdown page from the template of that name, ending in one line feed."""
    return _MARKDOWN.get_template(template).render(**values).rstrip() + "\n"
