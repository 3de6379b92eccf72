"""Which features a data set gets: from training facts to a plan, and which columns are dropped.

Computing them is next door.
"""
