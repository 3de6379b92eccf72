"""What acts on the repository, the stores and the services as a whole: tuning, promotion, replay.

Commands call it; pure computing lives below.
"""
