"""The page that `dvc plots show` fills, with Vega inside it: it draws without a network.

DVC's own page loads Vega from a content delivery network. This one holds the bundle that
vl-convert-python ships. DVC replaces `{plot_divs}`; `{scripts}`, the network addresses, is left out.
Setting: `dvc config plots.html_template plots/page.html` (relative to .dvc).
"""

from typing import Final

import vl_convert

from oilcan.reports.rendering import html

_GLOBALS: Final = "window.vegaEmbed = vegaEmbed; window.vega = vega; window.vegaLite = vegaLite;"


def page() -> str:
    """HTML with the bundle in place and DVC's marks left for DVC.

    Examples
    --------
    >>> "{plot_divs}" in page()
    True
    """
    # A literal `</script` inside JavaScript text would end the element; `<\\/script` is the same text to it.
    bundle = vl_convert.javascript_bundle(_GLOBALS).replace("</script", "<\\/script")
    return html("plots.html", bundle=bundle)
