"""Causal features: what the past of a machine says at an instant t, computed by a plan that is data.

`learning` reads training readings, `planning.build` makes the plan from them, `batch` computes it for a partition,
`planning.screen` drops features that never vary. Computing one reading at a time is in `core.online`. Features never
read labels.
"""
