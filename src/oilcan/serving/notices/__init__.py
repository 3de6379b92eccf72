"""Alarms that go out: who is to be told of which alarm and when, what the message says, and the thread that sends."""
