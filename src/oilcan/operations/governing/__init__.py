"""Acts of people on models, recorded: audit log, approval, promotion, rollback, status, incidents.

The rules themselves are in `oilcan.governance`; git and DVC are reached through `oilcan.io.repository`.
"""
