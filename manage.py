#!/usr/bin/env python
"""The one entry to every command of the project: ``manage.py --help`` lists them."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an old Python must get this far to be told
    sys.exit(
        "musicrec needs Python 3.11 or newer, this is {}.{}: "
        "make .venv with a newer python3".format(*sys.version_info[:2])
    )


def main() -> None:
    """Hand the command line to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "musicrec.settings")
    try:
        from django.core.management import execute_from_command_line
        from django.db import OperationalError, ProgrammingError
        from environs import EnvError
    except ImportError as error:
        sys.exit(f"{error}: install the requirements first (README.md, Run it)")
    try:
        execute_from_command_line(sys.argv)
    except EnvError as error:
        sys.exit(f"{error} (docs/operations.md lists the settings)")
    except (OperationalError, ProgrammingError) as error:
        # "no such table" on SQLite, "relation … does not exist" on Postgres.
        if "no such table" not in str(error) and "does not exist" not in str(error):
            raise
        sys.exit(f"the database is not prepared ({error}): run manage.py migrate first")


if __name__ == "__main__":
    main()
