"""What a maintenance engineer wants to see before any model: holdings, lives, warning signs, sensors, pitfalls.

Pure numbers from canonical or prepared tables; the page is made in `oilcan.reports`. Labels are used only up to the
instant that `FleetRecord.known_until` allows, so the test part influences nothing here.
"""
