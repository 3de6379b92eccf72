"""May this model go into service, and what must people know about it?"""
