"""Raw files that are too large for the memory, read in pieces and sorted into parts of whole machines. Nothing else."""
