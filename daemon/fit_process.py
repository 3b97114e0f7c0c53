"""Asks whether everything fits together, for a supervisor that imports no database; not for people.

Exits with 3 where it does not, after it has said why. A database that cannot be asked is the roles' affair: they wait.
"""

import argparse
import sys
from pathlib import Path

from hounsfield.daemon.errors import ConfigurationError
from hounsfield.storage.errors import StorageError

REFUSED = 3
"""As for every wrong configuration."""


def main() -> int:
    """Return the exit code."""
    from hounsfield.daemon.app import build
    from hounsfield.daemon.config.settings import load_settings

    parser = argparse.ArgumentParser(prog="hounsfield.daemon.fit_process")
    parser.add_argument("--config", type=Path)
    try:
        application = build(load_settings(parser.parse_args().config), may_upgrade=True)
        application.refuse_misfits()
        application.database.close()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    except StorageError:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
