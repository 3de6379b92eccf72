"""Remaining life from the drift of the hidden state: the model, its posterior, how it is learned. No features here."""
