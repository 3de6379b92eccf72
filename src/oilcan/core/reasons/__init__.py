"""Why a forecast is high: contributions of features, and sentences for the crew."""
