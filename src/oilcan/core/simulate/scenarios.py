"""What may change in the world, and from which day on?

A scenario leaves everything before its start day as scenario "none" draws it.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """A change of the world after the start day; the defaults change nothing.

    Parameters
    ----------
    drifting_share
        Share of machines whose vibration and oil pressure sensors drift.
    vibration_drift_mm_s, pressure_drift_bar
        Drift reached after 100 days, linear from the start day.
    joining_share
        Machines that join, as a share of the fleet.
    joining_new
        Whether they are of a model that the fleet did not have; else they are more of the same.
    offset_share, offset_spreads
        Share of machines on which one sensor, drawn at random, reads too high by so many of its usual spreads
        (`recording_changes.USUAL_SPREAD`).
    stuck
        Machines of which one sensor repeats its value for good.
    unit_site
        Whether one site sends its oil pressure in kPa instead of bar.
    season_factor
        Factor on the yearly swing of the air temperature.
    holiday_days, holiday_load
        Days from the start day on which load is multiplied by a factor.
    bearing_pace
        Factor on the growth of bearing faults that start afterwards. Other than 1 it also
        changes the symptom: the bearing runs hot and hardly vibrates.
    bearing_wear
        Factor on the wear rate of bearings.
    interval_factor
        Factor on planned intervals, running ones included.
    start_share
        Share of the span after which the change begins.
    """

    description: str
    drifting_share: float = 0.0
    vibration_drift_mm_s: float = 0.0
    pressure_drift_bar: float = 0.0
    joining_share: float = 0.0
    joining_new: bool = True
    offset_share: float = 0.0
    offset_spreads: float = 1.0
    stuck: int = 0
    unit_site: bool = False
    season_factor: float = 1.0
    holiday_days: int = 0
    holiday_load: float = 1.0
    bearing_pace: float = 1.0
    bearing_wear: float = 1.0
    interval_factor: float = 1.0
    start_share: float = 2.0 / 3.0

    def start_hour(self, days: int) -> int:
        """First hour of the change in a span of `days`, at midnight.

        Examples
        --------
        >>> SCENARIOS["none"].start_hour(90)
        1440
        """
        return 24 * math.ceil(round(self.start_share * days, 9))


SCENARIOS: dict[str, Scenario] = {
    "none": Scenario("nothing changes"),
    "sensor_drift": Scenario(
        "vibration and oil pressure sensors drift on 60 % of the machines",
        drifting_share=0.6,
        vibration_drift_mm_s=1.5,
        pressure_drift_bar=-0.5,
    ),
    "new_model": Scenario("machines of model P900 join, 15 % of the fleet", joining_share=0.15),
    "changed_mechanism": Scenario(
        "bearing faults come more often, grow three times as fast and show as heat, not vibration",
        bearing_pace=3.0,
        bearing_wear=1.5,
    ),
    "maintenance_policy": Scenario("planned maintenance intervals become 1.6 times as long", interval_factor=1.6),
    "sensor_offset": Scenario(
        "one sensor reads too high by its usual spread, on a tenth of the machines", offset_share=0.1),
    "stuck_sensor": Scenario("one sensor of one machine repeats its value for good", stuck=1),
    "unit_changed": Scenario("one site sends its oil pressure in kPa instead of bar", unit_site=True),
    "hot_season": Scenario("summers and winters are half as extreme again", season_factor=1.5),
    "holiday": Scenario("two weeks at half load", holiday_days=14, holiday_load=0.5),
    "growing_fleet": Scenario(
        "more machines of the known models join, a fifth of the fleet", joining_share=0.2, joining_new=False),
}
