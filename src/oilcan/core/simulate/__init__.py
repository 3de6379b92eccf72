"""How does a fleet of machines wear, warn and fail when the true risk is known?

Draws the embedded data set ``demo_fleet``; ``docs/demo_fleet.md`` explains the physics.
``src/stages/simulate.py`` writes the frames to files.
"""

from oilcan.core.simulate.drawing import draw_deliveries, draw_fleet
from oilcan.core.simulate.partition import Fleet
from oilcan.core.simulate.scenarios import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "Fleet", "Scenario", "draw_deliveries", "draw_fleet"]
