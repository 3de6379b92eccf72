"""Tree ensembles behind one protocol, and their register; which rows they learn from is decided in `growing`."""
