"""The page that `dvc plots show` fills, with Vega inside it: it draws without a network.

DVC's own page loads Vega from a content delivery network. This one holds the bundle that
vl-convert-python ships. DVC replaces `{plot_divs}`; `{scripts}`, the network addresses, is left out.
Setting: `dvc config plots.html_template plots/page.html` (relative to .dvc).
"""

from typing import Final

import vl_convert

_GLOBALS: Final = "window.vegaEmbed = vegaEmbed; window.vega = vega; window.vegaLite = vegaLite;"
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh_tag}
<title>Oilcan: plots across commits</title>
<style>
:root { color-scheme: light; }
body { margin: 0; padding: 1.5rem; font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif;
       color: #1d2733; background: #f4f6f8; }
h1 { font-size: 1.3rem; margin: 0 0 1rem; }
main { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
main > div { background: #fff; border: 1px solid #dbe1e8; border-radius: 8px; padding: 1rem; overflow-x: auto; }
@media print { body { background: #fff; padding: 0; } main > div { break-inside: avoid; } }
</style>
<script>
__BUNDLE__
</script>
<script>
(function () {
  var embed = window.vegaEmbed;
  window.vegaEmbed = function (place, spec) {
    if (!spec.$schema) {                                // a table without rows
      document.querySelector(place).style.display = "none";
      return Promise.resolve();
    }
    spec.$schema = spec.$schema.replace("/v5", "/v6");  // DVC's templates say 5 and hold in 6
    return embed(place, spec, { actions: { export: true, source: false, compiled: false, editor: false } });
  };
})();
</script>
</head>
<body>
<h1>Oilcan: plots across commits</h1>
<main>
{plot_divs}
</main>
</body>
</html>
"""


def page() -> str:
    """HTML with the bundle in place and DVC's marks left for DVC.

    Examples
    --------
    >>> "{plot_divs}" in page()
    True
    """
    # A literal `</script` inside JavaScript text would end the element; `<\\/script` is the same text to it.
    bundle = vl_convert.javascript_bundle(_GLOBALS).replace("</script", "<\\/script")
    return _PAGE.replace("__BUNDLE__", bundle)
