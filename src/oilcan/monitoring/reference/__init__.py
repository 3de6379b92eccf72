"""The reference that windows are compared with, learned from the data the model was accepted on."""
