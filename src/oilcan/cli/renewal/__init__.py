"""Commands that keep a model up to date: monitor, decide, collect, retrain, replay. Not inside: promotion."""
