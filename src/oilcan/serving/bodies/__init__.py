"""JSON bodies of requests -> checked arrays and records, and which rows were refused."""
