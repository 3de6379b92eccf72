"""What is remembered of readings that have slid out of every window: one small row per machine.

`absorb` is the whole recursion: state and some readings -> state after them. It changes nothing in place, so the same
function moves the present, replays late readings from the base, and moves the base itself.
"""

import numpy as np

from oilcan.core.online.compiled_plan import Parts
from oilcan.core.online.state.machine_arrays import NONE, MachineRows, Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.core.online.state.record_log import LIVES, REPLACED
from oilcan.core.online.state.signal_state import ProcessedReadings


class Recursion:
    """Everything that is carried from reading to reading, except windows."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def rows(self) -> MachineRows:
        """State of no machines."""
        return MachineRows(first=np.array(NONE), newest=np.array(NONE), level=np.full(len(self._parts.sensors), np.nan),
                           **self._parts.inputs.empty, **self._parts.averages.empty, **self._parts.lives.empty,
                           **self._parts.wear.empty)

    def absorb(self, state: Taken, block: ReadingBlock) -> tuple[Taken, ProcessedReadings]:
        """State after the readings, and the readings processed.

        Parameters
        ----------
        state
            Rows of the machines of `block`, all of whose readings are newer.
        """
        processed, held = self.process(state, block)
        first = np.where(state["first"] == NONE, block.time[block.starts], state["first"])
        began, replaced = (self._parts.records.began(key, block.slots, block.newest) for key in (LIVES, REPLACED))
        after = {"first": first, "newest": block.newest, "level": processed.values[block.ends - 1], **held}
        after |= self._parts.averages.absorb(state, block, processed)
        began = np.where(began == NONE, first - 1, began)
        replaced = np.where(replaced == NONE, first - 1, replaced)
        after |= self._parts.lives.absorb(state, block, processed, replaced, began)
        after |= self._parts.wear.absorb(state, block, processed, began)
        return after, processed

    def process(self, state: Taken, block: ReadingBlock) -> tuple[ProcessedReadings, Taken]:
        """The readings processed, and what may be repeated after them; see `absorb`."""
        values, held = self._parts.inputs.hold(block, state)
        return self._parts.inputs.process(values), held
