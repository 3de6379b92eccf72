"""Pages and tables that people read: values in, text and pictures out.

Numbers are computed in `evaluation` and `governance`.
"""
