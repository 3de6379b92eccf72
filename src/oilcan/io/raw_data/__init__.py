"""Raw files: downloaded, placed, unpacked, inspected and read as text.

What a cell means is decided in `core.ingest`.
"""
