"""What the service knows of its machines right now: intake, features, alarms, views, snapshots."""
