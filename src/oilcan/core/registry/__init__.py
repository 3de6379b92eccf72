"""Names by which a model is found again: versions and stages as tags of git."""
