"""Up to which entry of the log the alarm policy of the bundle in service has judged, kept for the next start."""

from collections.abc import Callable
from typing import Final

from oilcan.io.stores import Store
from oilcan.io.stores.log_entries import Cursor
from oilcan.serving.engine.following import cursor_of

_SETTING: Final = "judged"


class JudgedCursor:
    """A setting of the store: a bundle, and the entry up to which its policy has judged."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store, self._clock = store, clock

    def read(self, bundle: str, restored: Cursor) -> Cursor:
        """The entry after which the policy judges. For a bundle that begins it is the last one, and is written down.

        If what was written down cannot be read, the policy judges from where the features were restored. It looks at no
        reading twice, because each machine's state says up to which reading it has looked.

        Parameters
        ----------
        restored
            Up to where the features are.
        """
        saved = self._store.settings.get(_SETTING)
        if not isinstance(saved, dict) or not isinstance(saved.get("bundle"), str):
            if self._store.snapshots.policy(bundle):
                return restored
        elif saved["bundle"] == bundle:
            return cursor_of(self._store, saved.get("upto")) or restored
        end = self._store.end()
        self.begin(bundle, end)
        return end

    def begin(self, bundle: str, upto: Cursor) -> None:
        """Let a bundle judge from the next entry on; what its policy remembers is of an earlier time in service."""
        self._store.snapshots.forget_policy(bundle)
        self.write(bundle, upto)

    def write(self, bundle: str, upto: Cursor) -> None:
        """Write down that everything up to an entry was judged and saved."""
        self._store.settings.set(_SETTING, {"bundle": bundle, "upto": upto.as_text()}, self._clock())
