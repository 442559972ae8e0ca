"""The group's SQLite file: what outlives a worker."""
