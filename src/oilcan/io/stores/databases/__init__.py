"""SQLite and PostgreSQL behind one interface: connections, migrations, row layouts.

No table of the service is known here.
"""
