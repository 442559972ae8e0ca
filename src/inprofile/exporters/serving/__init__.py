"""The metrics over HTTP: at a path of the application or on a port of their own."""
