"""The service: readings in, risk out, nothing lost. `app.create_app` is the door, `engine` the one owner of state."""
