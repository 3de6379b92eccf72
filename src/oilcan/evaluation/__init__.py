"""Is the forecast good enough to act on? Row, event and money metrics, slices, baselines, plots, report."""
