"""Sections of params.yaml, one module for each stage; `compute`, which changes no result, is beside this folder.

A stage imports the modules of the sections that it reads, so a new section or key causes only the stages that read
it to run again. Not inside: the files that say how a finished model is operated (`params.operating`).
"""
