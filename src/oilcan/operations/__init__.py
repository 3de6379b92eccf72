"""What acts on the repository, the stores and the services as a whole: tuning, promotion, replay.

Commands call these modules; pure computations are in the layers below.
"""
