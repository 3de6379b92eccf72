"""The families of features, one module each; `registry` lists them."""
