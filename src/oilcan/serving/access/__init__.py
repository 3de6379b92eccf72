"""Who may connect and how often: API keys, request limits, TLS files."""
