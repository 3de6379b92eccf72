"""Two threads in a row: one writes to the store, one owns the features. Work goes through in the order it came.

What waits while the writer is busy is written together: many small batches cost one sync of the disk. While a group
is applied and scored, the next one is being written.
"""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

_WAITING: Final = 256           # jobs that may wait before the pipeline says that it is busy
_TOGETHER: Final = 10_000        # rows of jobs that are taken together, about


@dataclass
class Job:
    """Something to be done: `write` on the writer's thread, then `apply` on the engine's.

    Attributes
    ----------
    content
        Something with a length; jobs of one `kind` are handed to `write` and `apply` together.
    written
        What `write` found out.
    """

    kind: str
    content: Any
    written: Any = None
    future: "Future[Any]" = field(default_factory=Future)

    def fail(self, err: BaseException) -> None:
        """Tell whoever waits."""
        if not self.future.done():
            self.future.set_exception(err)

    def finish(self, result: Any) -> None:
        """Hand the result to whoever waits."""
        if not self.future.done():
            self.future.set_result(result)


Work = Callable[[list[Job]], None]


class Busy(Exception):  # noqa: N818 - a state, not a fault
    """More waits than may."""


class Pipeline:
    """Runs jobs.

    Parameters
    ----------
    write, apply
        By kind of job; each gets jobs of one kind and fills in `written`, or finishes them.
    """

    def __init__(self, write: dict[str, Work], apply: dict[str, Work]) -> None:
        self._write, self._apply = write, apply
        self._to_write: queue.Queue[Job | None] = queue.Queue(_WAITING)
        self._to_apply: queue.Queue[list[Job] | None] = queue.Queue(4)
        self._threads = [threading.Thread(target=self._writer, name="store-writer", daemon=True),
                         threading.Thread(target=self._engine, name="engine", daemon=True)]
        for thread in self._threads:
            thread.start()

    def submit(self, kind: str, content: Any) -> "Future[Any]":
        """Queue a job; `Busy` if too many wait."""
        job = Job(kind, content)
        try:
            self._to_write.put_nowait(job)
        except queue.Full:
            raise Busy(f"more than {_WAITING} jobs wait") from None
        return job.future

    async def run(self, kind: str, content: Any) -> Any:
        """The result of a job."""
        return await asyncio.wrap_future(self.submit(kind, content))

    def call(self, work: Callable[[], Any]) -> "Future[Any]":
        """Run something on the engine's thread, behind what is being applied."""
        job = Job("call", work)
        self._to_apply.put([job])
        return job.future

    def stop(self) -> None:
        """Finish what waits, then end both threads."""
        self._to_write.put(None)
        for thread in self._threads:
            thread.join()

    def _writer(self) -> None:
        while (job := self._to_write.get()) is not None:
            group, rows = [job], len(job.content)
            while (following := self._next_of(job.kind)) is not None and rows + len(following.content) <= _TOGETHER:
                self._to_write.get_nowait()
                group.append(following)
                rows += len(following.content)
            if guarded(self._write.get(job.kind, _nothing), group):
                self._to_apply.put(group)
        self._to_apply.put(None)

    def _next_of(self, kind: str) -> Job | None:
        """The job that waits next, if it is of this kind; only this thread takes jobs away."""
        with self._to_write.mutex:
            following = self._to_write.queue[0] if self._to_write.queue else None
        return following if following is not None and following.kind == kind else None

    def _engine(self) -> None:
        while (group := self._to_apply.get()) is not None:
            guarded(_call if group[0].kind == "call" else self._apply[group[0].kind], group)


def guarded(work: Work, group: list[Job]) -> bool:
    """Do some work; an error of it is handed to those who wait, and the thread goes on."""
    try:
        work(group)
    except BaseException as err:
        for job in group:
            job.fail(err)
        return False
    return True


def _call(group: list[Job]) -> None:
    for job in group:
        job.finish(job.content())


def _nothing(_group: list[Job]) -> None:
    """Some kinds have nothing to write."""
