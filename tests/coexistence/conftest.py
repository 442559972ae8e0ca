"""Runs the program with the servers that its sites talk to."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests import child

PROGRAM = Path(__file__).with_name("program.py")


@pytest.fixture(scope="module")
def told(request, tmp_path_factory):
    """A function: what each ``ask`` of the steps finds, of a site and the steps."""
    places = {
        "SITE_POSTGRES": request.getfixturevalue("postgres_dsn"),
        "SITE_VALKEY": request.getfixturevalue("valkey_address"),
    }
    if find_spec("nx_27017") is not None:  # it has no version for every Python
        places["SITE_MONGODB"] = request.getfixturevalue("mongodb_address")

    def tell(site, *steps):
        home = tmp_path_factory.mktemp("groups")
        path = os.pathsep.join(sys.path)
        return child.run(PROGRAM, site, *steps, PYTHONPATH=path, INPROFILE_DIR=home, **places)

    return tell
