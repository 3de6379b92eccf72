"""The page that `dvc plots show` fills, with Vega inside it: it draws without a network.

DVC's own page loads Vega from a content delivery network. This one holds the bundle that
vl-convert-python ships. DVC replaces `{plot_divs}`; `{scripts}`, the network addresses, is left out.
Setting: `dvc config plots.html_template plots/page.html` (relative to .dvc).
"""

from oilcan.reports.rendering import html


def page(bundle: str) -> str:
    """HTML with the bundle in place and DVC's marks left for DVC.

    Parameters
    ----------
    bundle
        JavaScript of Vega, from `oilcan.io.vega_bundle`.

    Examples
    --------
    >>> "{plot_divs}" in page("")
    True
    """
    return html("plots.html", bundle=bundle)
