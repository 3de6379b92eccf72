"""Loops over the partitions of a fleet: a worker reads, computes and writes one partition at a time.

So no stage holds more than its partitions in memory. The arithmetic of one partition is in `core`.
"""
