"""When the engine's state may not be what the log says, it is made again before anything is answered."""

from typing import Protocol

from oilcan.ground.errors import StoreReplaced, StoreUnavailable


class Doubtful(Protocol):
    """The parts of an engine that doubt is about; see `live_engine.Engine`."""

    in_doubt: str | None

    def start(self) -> None:
        """Make the state from the store."""


class Doubt:
    """Around work of the engine: makes the state again first if it is in doubt, and puts it in doubt after an error.

    An error of the store alone leaves no doubt: nothing was published, and what was taken in can be taken in again.
    """

    def __init__(self, engine: Doubtful) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        if self._engine.in_doubt is not None:
            self._engine.start()

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, _trace: object) -> None:
        if err is None or isinstance(err, StoreUnavailable):
            return
        self._engine.in_doubt = f"{kind.__name__ if kind else ''}: {err}"
        if isinstance(err, StoreReplaced):
            raise StoreUnavailable(str(err)) from err
