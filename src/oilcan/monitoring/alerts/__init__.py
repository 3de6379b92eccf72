"""From findings to action: alerts that open and close, what they mean, and what to do."""
