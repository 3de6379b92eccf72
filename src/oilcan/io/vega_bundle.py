"""The JavaScript of Vega for pages that need no network: bundled once in an environment, then read.

Bundling takes seconds of processor time, and its result depends on the version of vl-convert-python alone. So it is
kept in the environment, as Python keeps its compiled modules; where that cannot be written, it is bundled again.
"""

import contextlib
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

from oilcan.io.stage.files import write_text

_GLOBALS: Final = "window.vegaEmbed = vegaEmbed; window.vega = vega; window.vegaLite = vegaLite;"


def vega_bundle(environment: Path | None = None) -> str:
    """JavaScript that defines `vegaEmbed`, `vega` and `vegaLite`, ready for a `<script>` element.

    Parameters
    ----------
    environment
        Folder of the Python environment; None for the one that runs.
    """
    kept = (environment or Path(sys.prefix)) / f"share/oilcan/vega-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return kept.read_text(encoding="utf-8")
    import vl_convert  # here: it loads slowly, and is needed once

    # A literal `</script` inside JavaScript text would end the element; `<\\/script` is the same text to it.
    bundle: str = vl_convert.javascript_bundle(_GLOBALS).replace("</script", "<\\/script")
    with contextlib.suppress(OSError):
        write_text(bundle, kept)
    return bundle
