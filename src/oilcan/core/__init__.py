"""Pure computations: frames and arrays in and out, no files, no clock, no global randomness."""
