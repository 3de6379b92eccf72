"""Messages to people and to other systems: e-mail by SMTP, JSON by HTTP. What they say is decided elsewhere."""
