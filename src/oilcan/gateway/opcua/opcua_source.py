"""The nodes of an OPC UA server, each value written to the spool before the server hears that we have it.

After each connection what was missed is read from the server's history: once for the long gap, then again with a
subscription that already collects at the server. The spool is emptied into the queue as fast as the service stores.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from asyncua import ua

from oilcan.gateway.back_off import BackOff
from oilcan.gateway.kept_aside import KeptAside
from oilcan.gateway.opcua.node_values import Mapped, NodeValue, dropped_before, rows_of
from oilcan.gateway.opcua.opcua_session import FAILURES, OpcuaSession, opened, silence_s, windows
from oilcan.gateway.opcua.spool import Spool
from oilcan.gateway.row_queue import Message, RowQueue
from oilcan.gateway.source_times import Instants
from oilcan.ground.errors import DataError, bullet_list
from oilcan.params.operating.gateway_words import seconds
from oilcan.params.operating.opcua import OpcuaRules

_LOG: Final = logging.getLogger("oilcan")
_LOOK_S: Final = 0.2            # between two looks at what ends a session
_MISSING_S: Final = 10.0        # nodes that the server did not know are looked for so often
_PIECE: Final = timedelta(hours=6)          # of history in memory at once, for one machine
_AHEAD: Final = timedelta(days=1)           # how far sources may be ahead of the server's clock
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FEED: Final = 500              # readings from the spool at once
_NOTHING: Final = object()


class OpcuaSource:
    """Reads one server on a thread of its own.

    Attributes
    ----------
    counts
        `bad values` are kept aside, `values repeated` had been taken before, `queues overflowed` at the server.
    """

    def __init__(self, rules: OpcuaRules, environment: Mapping[str, str], queue: RowQueue, aside: KeptAside,
                 instants: Instants, spool: Path) -> None:
        self._rules, self._environment, self._queue, self._aside = rules, environment, queue, aside
        self._instants, self._spool_file, self._back_off = instants, spool, BackOff()
        self._mapped = {node.of(machine): Mapped(node.of(machine), machine, node.column)
                        for node in rules.nodes for machine in node.machines}
        self._units = {node.of(machine): node.unit for node in rules.nodes for machine in node.machines if node.unit}
        self._whole = {machine: frozenset(each.column for each in self._mapped.values() if each.machine == machine)
                       for machine in {each.machine for each in self._mapped.values()}}
        self._on_way: dict[int, Message] = {}       # number in the spool -> what the queue settles
        self._fed = 0                               # the last number that the queue got
        self._faulty: dict[str, int | None] = {}    # node -> time of the last value kept aside: history has it again
        self._is_checked = False
        self.counts: Counter[str] = Counter()
        self.is_connected = False
        self._shown: Spool | None = None

    def spooled(self) -> tuple[int, float]:
        """Readings in the spool, and seconds since it was empty last or the gateway began; from any thread."""
        return (0, 0.0) if self._shown is None else (len(self._shown), self._shown.filled_s())

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set; what is not stored by then stays in the spool."""
        logging.getLogger("asyncua").setLevel(logging.CRITICAL)     # it logs each message, and what we say again
        asyncio.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
        self._spool = self._shown = Spool(self._spool_file)
        self._woken.set()
        self._queue.on_settled.append(self._wake)
        feeding = asyncio.create_task(self._feed())
        try:
            while not stop.is_set():
                await self._visit(stop, feeding)
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
            self._queue.on_settled.remove(self._wake)
            self._spool.close()

    def _wake(self) -> None:
        """From the thread that forwards."""
        self._loop.call_soon_threadsafe(self._woken.set)

    # ------------------------------------------------------------------ spool -> queue
    async def _feed(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            settled = self._queue.settled(self._on_way)
            if settled:
                self._spool.remove(settled)
                for number in settled:
                    del self._on_way[number]
            while self._queue.has_room and (rows := self._spool.after(self._fed, _FEED)):
                for number, row in rows:
                    message = Message(f"opcua: {row.machine}")
                    self._on_way[number], self._fed = message, number
                    self._queue.put(row, message, self._whole.get(row.machine))
                    self._queue.read(message)

    # ------------------------------------------------------------------ server -> spool
    async def _visit(self, stop: threading.Event, feeding: "asyncio.Task[None]") -> None:
        """One session, from the connection to its end."""
        try:
            async with opened(self._rules, list(self._mapped), self._environment) as session:
                self.is_connected = True
                self._over: asyncio.Future[None] = self._loop.create_future()
                self._heard, self._is_waiting = time.monotonic(), False
                beginning = asyncio.create_task(self._begin(session))
                try:
                    while not (beginning.done() or stop.is_set()):
                        await self._look(feeding, beginning)
                    if beginning.done():
                        await self._watch(stop, session, beginning.result(), feeding)
                finally:
                    self.is_connected = False
                    beginning.cancel()
        except FAILURES as err:
            wait_s = self._back_off.next_s()
            _LOG.warning("opcua: %s: no session (%s). Tried again in %.1f s.", self._rules.url,
                         str(err) or type(err).__name__, wait_s)
            end = time.monotonic() + wait_s
            while not stop.is_set() and time.monotonic() < end:
                await asyncio.sleep(min(_LOOK_S, wait_s))

    async def _look(self, feeding: "asyncio.Task[None]", *others: "asyncio.Future[Any]") -> None:
        """Wait a moment, or until something ends; raises what ended the feeding."""
        await asyncio.wait([feeding, *others], timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        if feeding.done():
            feeding.result()

    async def _begin(self, session: OpcuaSession) -> dict[str, str]:
        """Catch up and subscribe; returns the nodes that cannot be had, and why."""
        missing, is_first = await session.refused(), not self._is_checked
        await self._check(session, missing, is_first=is_first)
        self._is_checked = True
        names = [name for name in self._mapped if name not in missing]
        self._recent: dict[tuple[str, int], Any] = self._spool.last()
        async for _ in self._missed(session, names):
            pass
        caught_up, self._listened = asyncio.Event(), set[str]()

        async def take(values: list[tuple[str, ua.DataValue]]) -> None:
            await caught_up.wait()
            await self._take(values)

        missing |= await session.subscribe(self._rules, names, take, self._was_heard)
        await self._check(session, missing, is_first=is_first)
        async for values in self._missed(session, names):
            self._recent |= {(value.node, value.microseconds or 0): value.content for value in values}
        caught_up.set()
        self._back_off.reset()
        _LOG.info("opcua: connected to %s, %d nodes", self._rules.url, len(self._mapped) - len(missing))
        return missing

    async def _check(self, session: OpcuaSession, missing: Mapping[str, str], *, is_first: bool) -> None:
        """At the start a file that does not fit the server is refused; later its nodes may come back.

        Raises
        ------
        DataError
            If nodes are missing, or have other units.
        """
        faults = [f"{node}: found {why}, wanted a node" for node, why in missing.items()]
        if not is_first:
            if faults:
                _LOG.warning("%s", bullet_list("opcua: nodes cannot be read; they are looked for again", faults))
            return
        wanted = {node: unit for node, unit in self._units.items() if node not in missing}
        units = await session.units(list(wanted))
        faults += [f"{node}: found unit {units[node]!r}, wanted {unit!r}" for node, unit in wanted.items()
                   if units.get(node, unit) != unit]
        if faults:
            raise DataError(bullet_list(f"gateway.yaml: opcua.nodes do not fit the server at {self._rules.url}",
                                        faults))

    def _was_heard(self) -> None:
        self._heard = time.monotonic()

    async def _watch(self, stop: threading.Event, session: OpcuaSession, missing: Mapping[str, str],
                     feeding: "asyncio.Task[None]") -> None:
        """Return when the session is over; OSError if the server is not there any more."""
        looked = time.monotonic()
        while not (stop.is_set() or self._over.done()):
            await self._look(feeding, self._over)
            now = time.monotonic()
            if not session.is_open:
                raise ConnectionError("the connection is gone")
            if not self._is_waiting and now - self._heard > silence_s(self._rules):
                raise TimeoutError("the server says nothing")
            if missing and now - looked > _MISSING_S:
                looked = now
                if len(await session.refused()) < len(missing):
                    return
        if self._over.done():
            self._over.result()

    async def _take(self, values: list[tuple[str, ua.DataValue]]) -> None:
        """Values of one message: on the disk when this returns. What fails ends the session, unacknowledged."""
        try:
            has_waited = await self._room()
            read = self._read(values)
            new = [value for value in read
                   if self._recent.get((value.node, value.microseconds or 0), _NOTHING) != value.content]
            self.counts["values repeated"] += len(read) - len(new)
            # a node's first value is its current one, whose status may be old; and the history was just read
            has_gap = any(dropped_before(value) for name, value in values if name in self._listened)
            self._listened.update(name for name, _ in values)
            self._write(new, is_noted=not has_gap)
        except Exception as err:
            if not self._over.done():
                self._over.set_exception(err)
            await asyncio.Event().wait()            # asyncua would acknowledge what returns
        if has_gap:
            _LOG.warning("opcua: the server's queue was full, and it dropped values")
            self.counts["queues overflowed"] += 1
        if (has_waited or has_gap) and self._rules.history is not None and not self._over.done():
            self._over.set_result(None)             # the next session begins with the history

    async def _room(self) -> bool:
        """Wait until the spool has room; the server's queue holds what comes meanwhile. Returns whether it waited."""
        if len(self._spool) < self._rules.spool:
            return False
        _LOG.warning("opcua: the spool is full (%d readings that the service has not stored); nothing more is taken",
                     len(self._spool))
        self._is_waiting = True
        while len(self._spool) > self._rules.spool // 2:
            await asyncio.sleep(_LOOK_S)
        self._heard, self._is_waiting = time.monotonic(), False
        return True

    def _read(self, values: Sequence[tuple[str, ua.DataValue]]) -> list[NodeValue]:
        return [NodeValue.read(self._mapped[name], value, self._rules.timestamp) for name, value in values]

    def _write(self, values: Sequence[NodeValue], *, is_noted: bool = True) -> None:
        """To what was kept aside, then to the spool; noted as the last taken, unless some before them are missing."""
        faulty = [value for value in values
                  if value.fault is not None and self._faulty.get(value.node, _NOTHING) != value.microseconds]
        if faulty:
            _LOG.warning("opcua: %d values cannot be used, kept aside; the first: %s: %s", len(faulty), faulty[0].node,
                         faulty[0].fault)
            self._aside.values([(value.node, value.fault or "", value.kept()) for value in faulty])
            self._faulty |= {value.node: value.microseconds for value in faulty}
            self.counts["bad values"] += len(faulty)
        rows = list(rows_of(values, self._instants))
        if rows:
            self._spool.add(rows, [value for value in values if is_noted and value.microseconds is not None])
            self._woken.set()

    # ------------------------------------------------------------------ history
    async def _missed(self, session: OpcuaSession, names: Sequence[str]) -> AsyncIterator[list[NodeValue]]:
        """Take what the server's history has since the last values, piece by piece."""
        if self._rules.history is None:
            return
        taken, now = self._spool.last(), await session.now()
        without = set(names)
        for machine in self._whole:
            nodes = [name for name in names if self._mapped[name].machine == machine]
            for begin, end in windows(self._since(set(nodes), taken, now), now + _AHEAD, _PIECE):
                found = await session.history(nodes, begin, end)
                without -= found.keys()
                values = self._read([(name, value) for name, some in found.items() for value in some])
                await self._room()
                self._write(sorted(values, key=lambda value: value.microseconds or 0))
                yield values
        if without:
            _LOG.warning("opcua: nodes have no history, what they say while nobody listens is lost: %s",
                         sorted(without))

    def _since(self, nodes: set[str], taken: Mapping[tuple[str, int], Any], now: datetime) -> datetime:
        """From the oldest of the values taken last; from as far back as is allowed if there are none.

        A value from after the server's time says that a clock was wrong: then how much was missed is not known.
        """
        earliest = now - timedelta(seconds=0 if self._rules.history is None else seconds(self._rules.history))
        times = [_EPOCH + timedelta(microseconds=moment) for node, moment in taken if node in nodes]
        since = min(times, default=earliest)
        return earliest if since > now else max(since, earliest)
