"""The bundle in service, loaded and verified, and what its contract says in words."""
