"""The only package that reads and writes the outside world: files, DVC's records, networks, databases."""
