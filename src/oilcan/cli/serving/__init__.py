"""Commands that run a bundle, or speak to what runs it: service, gateway, keys, scoring. Not inside: new models."""
