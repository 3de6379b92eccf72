"""What models in service would have done to a fleet over a time of operation, and policies compared by it."""
