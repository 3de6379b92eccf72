"""Have the data, the model or the world changed since the model was accepted?

Statistics (numbers of a window), rules (numbers to alerts) and the decision (alerts to an action) are three things, in
modules of their own. Everything here is pure: frames and arrays in and out. Reading tables and stores is the work of
`oilcan.operations.watching.monitor`; scoring rows is that of `oilcan.scoring`.
"""
