"""Asking before something is done for good."""

import sys

from django.core.management.base import CommandError

INTERRUPTED = 130  # as a shell reports a command that was ended by Ctrl-C


def make_sure(question: str, *, undone: str) -> None:
    """Return if the person at the terminal says yes. Raises CommandError otherwise.

    undone: what to say then, such as "nothing was deleted".
    """
    if not sys.stdin.isatty():
        raise CommandError(f"{undone}: give --yes where nobody can answer")
    # Not on standard output, where the result may be going into a file.
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    try:
        answer = input()
    except EOFError:
        answer = ""
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise CommandError(undone, returncode=INTERRUPTED) from None
    if answer.strip().lower() not in ("y", "yes"):
        raise CommandError(undone)
