"""Between requests and the engine: intake, the two threads of the pipeline, views of machines, snapshots.

Not inside: what the service knows of its machines (`serving.engine`).
"""
