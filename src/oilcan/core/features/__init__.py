"""What can be known at t about what comes after t? Causal features by a plan that is data.

`learning` reads training readings, `planning.build` makes the plan from them, `batch` computes it for a partition,
`planning.screen` drops features that never vary. Computing one reading at a time is in `core.online`. No label comes
in here.
"""
