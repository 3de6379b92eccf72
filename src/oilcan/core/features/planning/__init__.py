"""Which features a data set gets: from training facts to a plan, and which columns are dropped.

`core.features.families` computes them.
"""
