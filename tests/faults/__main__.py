"""Do every fault to a fresh installation and print what came of it.

    python -m tests.faults                                the full counts, some 30 minutes
    python -m tests.faults --short                        as the tests do it, some 3 minutes
    python -m tests.faults --long                         500 kills of a consumer, a soak
    python -m tests.faults --only 38 --soak-minutes 5      the soak alone, shorter
    python -m tests.faults --short --only 1,4 --transport embedded,kafka --json
    python -m tests.faults --into docs/faults.md          renew the figures there

Needs Java 17 and mvn for Kafka, and Postgres for its part. The exit code is 1 if any did not pass.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from tests.faults.forms import FULL, LONG, SHORT, Form
from tests.faults.scenario import ALL, Outcome, Scenario
from tests.faults.scenarios import SCENARIOS
from tests.faults.services import Services
from tests.faults.side_by_side import Run, side_by_side
from tests.faults.table import HEAD, Row, renew


def main() -> int:
    """Run what was asked for, print each row as it comes, and return the exit code."""
    options = _arguments()
    # Told to end, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    form = _form(options)
    chosen = [each for each in SCENARIOS if not options.only or each.number in options.only]
    chosen = [each for each in chosen if form.soak_minutes or not each.is_soak]
    runs = [(each, way) for each in chosen for way in _ways(each, options)]
    rows = []
    if not options.json:
        print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="musicrec-faults-") as folder:
        for row in _rows(Path(folder), runs, form):
            rows.append(row)
            if not options.json:
                print(row.line, flush=True)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    if options.into:
        renew(options.into, rows)
    return 1 if not rows or any(row.failures for row in rows) else 0


def _ways(scenario: Scenario, options: argparse.Namespace) -> list[str]:
    """The transports that were asked for, or all that the form has for this scenario."""
    asked = options.transport or (options.short and scenario.in_short) or ALL
    return [name for name in scenario.transports if name in asked]


def _rows(folder: Path, runs: list[Run], form: Form) -> Iterator[Row]:
    with Services(folder) as services:

        def do(scenario: Scenario, transport: str) -> Row:
            return _row(services, scenario, transport, form)

        with side_by_side(runs, do, form.at_once) as begun:
            for future in begun.values():
                yield future.result()


def _row(services: Services, scenario: Scenario, transport: str, form: Form) -> Row:
    started = time.monotonic()
    try:
        outcome = services.run(scenario, transport, form)
    except Exception as error:  # noqa: BLE001 - a fault that breaks its scenario is a row too
        outcome = Outcome(failures=[f"{type(error).__name__}: {error}"])
    return Row(
        scenario.number,
        scenario.fault,
        scenario.passes,
        transport,
        outcome.seen,
        outcome.failures,
        time.monotonic() - started,
    )


def _form(options: argparse.Namespace) -> Form:
    form = LONG if options.long else SHORT if options.short else FULL
    minutes = options.soak_minutes
    return form if minutes is None else replace(form, soak_minutes=minutes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--long", action="store_true", help="the long form")
    form.add_argument("--short", action="store_true", help="as the tests do it")
    parser.add_argument("--only", type=_numbers, help="numbers of faults, separated by commas")
    parser.add_argument(
        "--transport",
        type=_transports,
        help=f"of {', '.join(ALL)}; default: all, with --short those of the tests",
    )
    parser.add_argument(
        "--soak-minutes", type=float, metavar="N", help="how long the soak is; only --long has one"
    )
    parser.add_argument("--into", type=Path, metavar="FILE", help="renew the rows of its table")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args()


def _numbers(text: str) -> set[int]:
    known = {str(each.number) for each in SCENARIOS}
    return {int(number) for number in _among(text, known)}


def _transports(text: str) -> list[str]:
    return _among(text, set(ALL))


def _among(text: str, known: set[str]) -> list[str]:
    unknown = set(text.split(",")) - known
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no {', '.join(sorted(unknown))}")
    return text.split(",")


if __name__ == "__main__":
    sys.exit(main())
