"""The checkout as DVC and git see it.

DVC commands, experiments, integrity of cache and outputs, leftovers of killed runs; objects and references of git, the
audit branch.
"""
