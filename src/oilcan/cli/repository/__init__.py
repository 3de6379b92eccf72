"""Commands on a checkout: its data sets, its state, its results. Not inside: who may decide, and anything that runs."""
