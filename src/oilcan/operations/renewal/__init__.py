"""What brings a model up to date: collecting what a service has taken in, and retraining. Promotion is not here."""
