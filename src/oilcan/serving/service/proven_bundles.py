"""Bundles that a service may answer from: found by folder or digest, proven, accepted, of the same data set."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from oilcan.ground.errors import OilcanError, ParamsError
from oilcan.io.registry import bundle_store
from oilcan.io.stores.column_layout import stored_columns
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.model.contract_facts import described
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.service.acceptance import check_accepted
from oilcan.serving.service.remembered_models import Place

_MEANING: Final = ("kind", "horizon", "lead_time", "cap", "unit", "classes")     # of a task: what its number is about


class ProvenBundles:
    """Loads bundles for a service; every method raises `Refusal` 422 where one is missing, broken or does not fit.

    Parameters
    ----------
    served
        Gives the bundle that answers now; another one must be of the same data set, with the same columns and units.
    """

    def __init__(self, settings: ServiceSettings, served: Callable[[], LoadedBundle]) -> None:
        self._settings, self._served = settings, served
        self._home = (settings.bundles or settings.bundle.resolve().parent).resolve()

    def by_name(self, name: str) -> tuple[Place, LoadedBundle]:
        """The bundle in a folder of the folder of bundles, whatever the gate decided on it."""
        folder = (self._home / name).resolve()
        if not folder.is_relative_to(self._home) or folder == self._home:
            raise Refusal(422, "body.bundle", found=repr(name), wanted=f"the name of a folder in {self._home.name}",
                          do="Copy the bundle there first.")
        return self._proven(lambda: LoadedBundle.load(folder, self._settings.signers), folder)

    def by_digest(self, digest: str, revision: str | None) -> tuple[Place, LoadedBundle]:
        """The bundle of a digest, if the gate promoted it: from the folder of bundles, else from the source."""
        folder = self._found(digest, revision)
        place, served = self._proven(lambda: LoadedBundle.load(folder, self._settings.signers), folder)
        self.check_accepted(served, folder.name)
        return place, served

    def again(self, place: Place) -> LoadedBundle:
        """A bundle that was served before."""
        return self._proven(lambda: place.load(self._settings.signers), Path(place.folder))[1]

    def check_accepted(self, served: LoadedBundle, name: str) -> None:
        """Refuse a model that the gate did not promote, unless the settings accept it."""
        try:
            check_accepted(served, self._settings, name)
        except ParamsError as err:
            raise Refusal(422, "body.bundle", found=f"a model that the gate did not promote: {served.gate}",
                          wanted="one that it promoted",
                          do="Shadow it, or start the service with --accept-rejected.") from err

    def check_answers_alike(self, served: LoadedBundle) -> None:
        """Refuse a bundle whose forecasts cannot stand beside those of the bundle in service.

        Columns of one name can be about other times: a probability of failing within 24 h beside one within 48 h.
        """
        now = self._served()
        if served.digest == now.digest or set(served.columns) != set(now.columns):
            other = sorted(set(served.columns) ^ set(now.columns))
            raise Refusal(422, "body.digest",
                          found="the bundle in service" if not other else f"other columns of forecasts: {other}",
                          wanted="another bundle with the same forecasts",
                          do="Activate it for all machines, or shadow it.")
        mine, others = (described(each.bundle.contract)["tasks"] for each in (served, now))
        differing = [f"{name}: {word} {mine[name][word]} (in service {others[name][word]})"
                     for name in sorted(mine.keys() & others.keys()) for word in _MEANING
                     if mine[name][word] != others[name][word]]
        if differing:
            raise Refusal(422, "body.digest", found=f"forecasts about something else: {'; '.join(differing)}",
                          wanted="the same tasks as those of the bundle in service",
                          do="Activate it for all machines, or shadow it.")

    def _found(self, digest: str, revision: str | None) -> Path:
        source = self._settings.bundle_source
        try:
            if source is None:
                there = bundle_store.find(self._home, digest)
                if there is None:
                    raise OilcanError(f"bundle {digest[:12]} is not in {self._home.name}, and no source is set")
                return there
            return bundle_store.fetch(source, digest, self._home, revision=revision,
                                      signed=self._settings.signers is not None)
        except OilcanError as err:
            raise Refusal(422, "body.digest", found=self._without_home(err),
                          wanted="a bundle that this service has or can fetch",
                          do="Copy it to the folder of bundles, or set OILCAN_BUNDLE_SOURCE.") from err

    def _proven(self, load: Callable[[], LoadedBundle], folder: Path) -> tuple[Place, LoadedBundle]:
        try:
            served = load()
        except OilcanError as err:
            raise Refusal(422, "body.bundle", found=self._without_home(err), wanted="a bundle that is the packaged one",
                          do=f"Restore {folder.name}.") from err
        self._check_fits(served)
        served.warm()
        return Place(str(folder), served.digest), served

    def _check_fits(self, served: LoadedBundle) -> None:
        now, then = self._served().bundle.contract, served.bundle.contract
        old, new = ({name: (column.type, column.unit) for name, column in stored_columns(each).items()}
                    for each in (now, then))
        if (now.name, now.time.kind, old) != (then.name, then.time.kind, new):
            raise Refusal(422, "body.bundle", found=f"a bundle for {then.name} with {len(new)} telemetry columns",
                          wanted=f"one for {now.name} with the same columns and units",
                          do="Start a service of its own for it, with its own store.")

    def _without_home(self, err: OilcanError) -> str:
        """An error without the path of the folder of bundles, which is nobody's business outside."""
        return str(err).replace(str(self._home), "").lstrip("/")
