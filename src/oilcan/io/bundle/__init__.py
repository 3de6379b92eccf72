"""The serving bundle and the note of which bundle is champion: written, verified, read."""
