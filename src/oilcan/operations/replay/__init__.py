"""`oilcan replay`: a past year operated again, by several policies of retraining, with what was known at each moment.

Models are made by the code of the pipeline, judged by that of the gate, watched by that of the monitoring. Nothing is
written but a cache of models and the results. Sending readings into a running service is `operations.fleet_replay`.
"""
