"""How does a fleet of machines wear, warn and fail when the true risk is known?

Draws the embedded data set ``demo_fleet``; the physics stands in ``docs/demo_fleet.md``. Writing
the frames to files is the work of ``src/stages/simulate.py``.
"""

from oilcan.core.simulate.drawing import draw_fleet
from oilcan.core.simulate.partition import Fleet
from oilcan.core.simulate.scenarios import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "Fleet", "Scenario", "draw_fleet"]
