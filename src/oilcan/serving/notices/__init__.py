"""Alarms that go out: who is notified of which alarm and when, what the message says, and the thread that sends."""
