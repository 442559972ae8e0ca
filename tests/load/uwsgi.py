"""Starts uWSGI, which is a library of C, as a program: ``python -m tests.load.uwsgi OPTIONS``."""

import sys
from importlib import import_module

if __name__ == "__main__":
    import_module("pyuwsgi").run(sys.argv[1:])
