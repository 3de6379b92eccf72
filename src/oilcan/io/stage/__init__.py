"""What a stage script needs from outside: its wrapper, files, digests, progress, and what dvc.yaml declares."""
