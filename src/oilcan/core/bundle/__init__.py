"""A packaged model as one value, with its drift reference and normals; `oilcan.io.bundle` reads and writes it."""
