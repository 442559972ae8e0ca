"""``python -m inprofile`` and the ``inprofile`` command."""

import sys

INSTALL = "pip install 'inprofile[cli]'"


def main() -> int:
    """Run the command line; without click or rich say how to get them."""
    try:
        from inprofile.cli.main import run
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in {"click", "rich"}:
            raise
        sys.stderr.write(f"inprofile: the command line needs {missing.name}: {INSTALL}\n")
        return 2
    return run()


if __name__ == "__main__":
    sys.exit(main())
