"""A real call of every library in the table: one file for each, named like the integration's.

Each has ``KINDS``, the stages that it must show in a trace, and ``call(fixture)``, where
``fixture`` gives a server of tests/servers.py by its fixture's name; the result can be compared.
"""
