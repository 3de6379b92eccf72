"""One running service put together.

Bundle, store, live state, stateless forecasts, and the switch to another bundle.
"""
