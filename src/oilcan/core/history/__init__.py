"""The tables of a fleet over its whole record in memory: as they were drawn, and as they were known at a moment."""
