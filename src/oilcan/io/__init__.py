"""The only room that touches the outside: files, the pipeline's own records, networks."""
