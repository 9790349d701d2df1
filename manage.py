#!/usr/bin/env python
"""The one entry to every command of the project: ``manage.py --help`` lists them."""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - an old Python must get this far to be told
    sys.exit(
        "musicrec needs Python 3.11 or newer, this is {}.{}: "
        "make .venv with a newer python3".format(*sys.version_info[:2])
    )


INTERRUPTED = 130  # as a shell reports a command that was ended by Ctrl-C


def main() -> None:
    """Hand the command line to Django; what somebody can mend ends it with one line.

    With Django's --traceback the error itself is shown.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "musicrec.settings")
    as_it_is = "--traceback" in sys.argv
    try:
        _run(as_it_is=as_it_is)
    # Around the imports too: they take a second.
    except KeyboardInterrupt:
        if as_it_is:
            raise
        sys.stderr.write("stopped; what was done until then stands\n")
        sys.exit(INTERRUPTED)


def _run(*, as_it_is: bool) -> None:
    try:
        from django.core.management import execute_from_command_line
        from django.db import Error
        from environs import EnvError

        from musicrec import database_faults
    except ImportError as error:
        sys.exit(f"{error}: install the requirements first (README.md, Run it)")
    try:
        execute_from_command_line(sys.argv)
    except EnvError as error:
        sys.exit(f"{error} (docs/operations.md lists the settings)")
    except Error as error:
        line = database_faults.in_a_line(error)
        if as_it_is or line is None:
            raise
        sys.exit(line)


if __name__ == "__main__":
    main()
