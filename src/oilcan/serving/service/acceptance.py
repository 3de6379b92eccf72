"""Only a model that the gate let pass is served, unless the operator says otherwise."""

from oilcan.ground.errors import ParamsError
from oilcan.io.bundle.verdict_file import PROMOTE
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.model.loaded_bundle import LoadedBundle


def check_accepted(served: LoadedBundle, settings: ServiceSettings, where: str) -> None:
    """Refuse a bundle that `review` held or rejected; with `accept_rejected` every answer names its decision instead.

    Raises
    ------
    ParamsError
        If the decision is not `promote`, and the settings do not accept that.
    """
    if served.gate != PROMOTE and not settings.accept_rejected:
        reasons = "; ".join(served.verdict.reasons) or "no reasons recorded"
        raise ParamsError(f"{where}: the gate decided {served.gate!r} on this model, wanted {PROMOTE!r} ({reasons}). "
                          f"Train a better one, or serve it with --accept-rejected (OILCAN_ACCEPT_REJECTED=true): the "
                          f"page and every answer then say so.")
