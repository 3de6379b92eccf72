"""From raw sensors to the signals that features summarise.

Operating conditions removed, residuals, the health index.
"""
