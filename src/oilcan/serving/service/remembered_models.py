"""What the store remembers of the bundles: the one in service, the one before, the challenger and its share."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oilcan.ground.errors import IntegrityError
from oilcan.io.stores import Store
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.service.acceptance import check_accepted

SETTING: Final = "models"


@dataclass(frozen=True)
class Place:
    """A bundle by where it lies and what it must be."""

    folder: str
    digest: str

    def load(self, signers: Path | None) -> LoadedBundle:
        """The bundle, if it is still the one that is meant.

        Raises
        ------
        IntegrityError
            If it is gone, changed, another one, or not signed as `signers` asks.
        """
        served = LoadedBundle.load(Path(self.folder), signers)
        if served.digest != self.digest:
            raise IntegrityError(f"{self.folder}: holds bundle {served.digest[:12]} (wanted {self.digest[:12]}). "
                                 f"Restore it, or activate another.")
        return served


@dataclass(frozen=True)
class Canary:
    """The challenger answers for a share of the machines.

    Attributes
    ----------
    since_alarm
        Id of the newest alarm when it began.
    since_time
        Time of the newest reading when it began, in whole units.
    """

    share: float
    since_alarm: int
    since_time: int


@dataclass(frozen=True)
class Models:
    """What the store remembers.

    Attributes
    ----------
    configured
        Digest of the bundle that the settings named at that time.
    canary
        Whether, and for how many machines, the challenger answers.
    fell_back
        Why the canary before ended by itself; None if none did, or another began since.
    """

    configured: str
    active: Place
    previous: Place | None = None
    shadow: Place | None = None
    canary: Canary | None = None
    fell_back: str | None = None

    @classmethod
    def of(cls, store: Store) -> "Models | None":
        """What was written the last time; None before the first."""
        value: dict[str, Any] | None = store.settings.get(SETTING)
        if value is None:
            return None
        places = {name: Place(**value[name]) if value[name] else None for name in ("previous", "shadow")}
        canary = value.get("canary")
        return cls(value["configured"], Place(**value["active"]), **places, canary=Canary(**canary) if canary else None,
                   fell_back=value.get("fell_back"))


def first_served(settings: ServiceSettings, store: Store) -> tuple[LoadedBundle, Models]:
    """The bundle to begin with: the one activated last, unless the settings name another one since.

    Raises
    ------
    IntegrityError
        If it is not the packaged one.
    ParamsError
        If the gate did not promote it, and the settings do not accept that.
    """
    configured = LoadedBundle.load(settings.bundle, settings.signers)
    known = Models.of(store)
    if known is None or known.configured != configured.digest:
        check_accepted(configured, settings, str(settings.bundle))
        return configured, Models(configured.digest, Place(str(settings.bundle.resolve()), configured.digest))
    is_configured = known.active.digest == configured.digest
    active = configured if is_configured else known.active.load(settings.signers)
    check_accepted(active, settings, known.active.folder)
    return active, known
