"""The numbers of one window: readings, quality, events, forecasts. No limits and no alerts."""
