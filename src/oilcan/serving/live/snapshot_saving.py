"""Snapshots of the features of machines that changed, a few at a time, so that a start has little to replay."""

from collections.abc import Callable, Sequence
from typing import Final

from oilcan.io.stores import Store
from oilcan.io.stores.log_entries import Cursor
from oilcan.io.stores.tables.state_table import PolicyRow
from oilcan.serving.engine.bundle_track import BundleTrack
from oilcan.serving.ground.periodic import PeriodicWork

_AT_ONCE: Final = 50            # machines dumped between two groups of work


class Saver:
    """Saves every so often where that is this process's duty, and when asked to.

    Parameters
    ----------
    mark
        The track in service, the machines that changed since it was asked before, and up to where all is in them.
    dump
        States of a few machines of a track, and by bundle what the alarm policy remembers of them.
    done
        Called with the mark once everything was saved.
    is_due
        Whether to save every so often; if another process does, machines that changed wait until this one has to.
    also
        What else is to be done every so often, also when saving fails.
    """

    def __init__(self, store: Store, *, mark: Callable[[], tuple[BundleTrack, list[str], Cursor]],
                 dump: Callable[[BundleTrack, Sequence[str]], tuple[dict[str, bytes], dict[str, dict[str, PolicyRow]]]],
                 done: Callable[[Cursor], None], clock: Callable[[], int], every_s: float, is_due: Callable[[], bool],
                 also: Callable[[], None]) -> None:
        self._store, self._mark, self._dump, self._done, self._clock = store, mark, dump, done, clock
        self._unsaved: list[str] = []           # of a round that failed
        self.rounds = PeriodicWork("saver", every_s, lambda: is_due() and self.save(), also)

    def start(self) -> None:
        """Begin to save every so often."""
        self.rounds.start()

    def save(self) -> int:
        """Save what changed; how many machines."""
        track, changed, upto = self._mark()
        self._unsaved = machines = list(dict.fromkeys([*self._unsaved, *changed]))
        for begin in range(0, len(machines), _AT_ONCE):
            states, policies = self._dump(track, machines[begin : begin + _AT_ONCE])
            self._store.snapshots.save(track.engine, states, upto, self._clock(), policies)
        self._store.settings.set(f"upto {track.engine}", upto.as_text(), self._clock())
        self._done(upto)
        self._unsaved = []
        return len(machines)
