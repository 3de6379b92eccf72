"""Two threads in a row: one writes to the store, one owns the features. Work goes through in the order it came.

What waits while the writer is busy is written together: many small batches cost one sync of the disk. While a group
is taken in and scored, the next one is being written. Nothing here makes the caller wait.
"""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final

from oilcan.ground.errors import StoreUnavailable
from oilcan.serving.ground.watched_threads import WatchedThread

_WAITING: Final = 256           # jobs that may wait before the pipeline says that it is busy
_TOGETHER: Final = 10_000       # rows of jobs that are taken together, about
_GROUPS: Final = 4              # written groups that may wait for the engine


@dataclass
class Job:
    """One request: `write` on the writer's thread, then `apply` on the engine's.

    Attributes
    ----------
    content
        Something with a length; jobs of one `kind` are handed to `write` and `apply` together.
    written
        What `write` leaves for `apply`.
    """

    kind: str
    content: Any
    written: Any = None
    future: "Future[Any]" = field(default_factory=Future)

    def fail(self, err: BaseException) -> None:
        """Hand an error to whoever waits."""
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
        Each gets jobs of one kind; `write` fills in `written`, or fails some of them; `apply` finishes the others.
    """

    def __init__(self, write: Work, apply: Work) -> None:
        self._write, self._apply = write, apply
        self._to_write: queue.Queue[Job | None] = queue.Queue(_WAITING)
        self._changed = threading.Condition()
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._to_apply: deque[list[Job] | None] = deque()
        self._closed, self._is_dead = False, False
        self.threads = [WatchedThread("store-writer", self._write_next, self._die),
                        WatchedThread("engine", self._apply_next, self._die)]
        for thread in self.threads:
            thread.start()

    def submit(self, kind: str, content: Any) -> "Future[Any]":
        """Queue a job; `Busy` if too many wait. It fails with `StoreUnavailable` if a thread is dead."""
        job = Job(kind, content)
        try:
            if self._closed:
                raise queue.Full
            self._to_write.put_nowait(job)
            if self._is_dead:
                self._fail_all()
        except queue.Full:
            raise Busy(f"more than {_WAITING} jobs wait, or the service ends") from None
        return job.future

    async def run(self, kind: str, content: Any) -> Any:
        """The result of a job."""
        return await asyncio.wrap_future(self.submit(kind, content))

    def call(self, work: Callable[[], Any]) -> "Future[Any]":
        """Run something on the engine's thread, before the groups that wait for it."""
        future: Future[Any] = Future()
        with self._changed:
            self._calls.append((future, work))
            self._changed.notify_all()
        if self._is_dead:
            self._fail_all()
        return future

    def stop(self, wait_s: float = 10.0) -> None:
        """Finish what waits and end both threads; what is not done after the time given fails."""
        self._closed = True
        threading.Thread(target=self._to_write.put, args=(None,), daemon=True).start()      # it may be full
        if self._is_dead:
            self._hand_over(None)       # nobody else may be left to do it
        for thread in self.threads:
            if not thread.end(wait_s):
                self._fail_all()

    def _write_next(self) -> bool:
        job = self._to_write.get()
        if job is None:
            self._hand_over(None)
            return False
        group, rows = [job], len(job.content)
        while (following := self._next_of(job.kind)) is not None and rows + len(following.content) <= _TOGETHER:
            self._to_write.get_nowait()
            group.append(following)
            rows += len(following.content)
        for part in self._written(group):
            self._hand_over(part)
        return True

    def _written(self, group: list[Job]) -> list[list[Job]]:
        """Write a group as one; if it is refused, each request alone, so that what is wrong with one is its own."""
        err = guarded(self._write, group, fail=len(group) == 1)
        if err is None:
            return [[job for job in group if not job.future.done()]]
        if len(group) == 1:
            return []
        if isinstance(err, StoreUnavailable):
            for job in group:
                job.fail(err)
            return []
        return [[job] for job in group if not job.future.done() and guarded(self._write, [job]) is None
                and not job.future.done()]

    def _hand_over(self, group: list[Job] | None) -> None:
        if group == []:
            return
        with self._changed:
            self._changed.wait_for(lambda: len(self._to_apply) < _GROUPS or group is None)
            self._to_apply.append(group)
            self._changed.notify_all()
        if self._is_dead:
            self._fail_all()

    def _next_of(self, kind: str) -> Job | None:
        """The job that waits next, if it is of this kind; only this thread takes jobs away."""
        with self._to_write.mutex:
            following = self._to_write.queue[0] if self._to_write.queue else None
        return following if following is not None and following.kind == kind else None

    def _apply_next(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._calls or self._to_apply)
            call = self._calls.popleft() if self._calls else None
            group = self._to_apply.popleft() if call is None else []
            self._changed.notify_all()
        if call is not None:
            _answer(*call)
        elif group is not None:
            guarded(self._apply, group)
        return group is not None

    def _die(self) -> None:
        """A thread is dead: the process will end, and until then nobody waits for what will not be done."""
        self._is_dead = True
        self._fail_all()

    def _fail_all(self) -> None:
        """Fail all that waits."""
        err = _not_done()
        with self._changed:
            futures = [future for future, _ in self._calls] + [
                job.future for group in self._to_apply if group for job in group]
            self._calls.clear()
            if self._is_dead:       # a thread that still lives must find the end of the work, and room for more
                self._to_apply = deque(group for group in self._to_apply if group is None)
            self._changed.notify_all()
        with self._to_write.mutex:
            futures += [job.future for job in self._to_write.queue if job is not None]
        for future in futures:
            if not future.done():
                future.set_exception(err)


def guarded(work: Work, group: list[Job], *, fail: bool = True) -> BaseException | None:
    """Do some work; its error, which is handed to those who wait unless `fail` is false, and the thread goes on."""
    try:
        work(group)
    except BaseException as err:
        for job in group if fail else ():
            job.fail(err)
        return err
    return None


def _not_done() -> StoreUnavailable:
    return StoreUnavailable("service: it ends before this was done. Send it again; sent twice it counts once.")


def _answer(future: "Future[Any]", work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as err:
        future.set_exception(err)
