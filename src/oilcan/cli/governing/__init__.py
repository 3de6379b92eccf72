"""Commands about what is in service and why: promotion, rollback, audit log, lineage. Not inside: running services."""
