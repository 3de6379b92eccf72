"""What a forecast is compared with: simple policies, the best possible forecast, another model on the same rows."""
