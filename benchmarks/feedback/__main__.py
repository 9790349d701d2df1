"""The feedback path, measured: what is acknowledged, how fast it is applied, how soon it shows.

    python -m benchmarks.feedback                               everything, about 6 minutes
    python -m benchmarks.feedback --parts likes,drain --json
    python -m benchmarks.feedback --plots docs/plots            latency plots as SVG, too

Whole installations of real processes, the web started as the demonstration starts it, likes over
HTTP from a process of its own on the same cores. Kafka is a real broker, fetched with Maven on the
first run (Java 17 or newer); Postgres a real server. Parts: likes (single likes of 1 and of 32
clients beside bare commits, and the batch route), likes-postgres, drain and drain-kafka (a backlog
alone, and beside single likes), visible and visible-kafka (from a like to the changed list).
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.feedback import acceptance, backlog, visible
from benchmarks.feedback.drawing import write_plots
from benchmarks.feedback.figures import HEAD, Results
from tests import postgres
from tests.kafka.broker import can_start

Part = Callable[[Results, argparse.Namespace], None]

PARTS: dict[str, Part] = {
    "likes": lambda found, o: acceptance.measure(found, o.likes, on_postgres=False),
    "likes-postgres": lambda found, o: acceptance.measure(found, o.likes, on_postgres=True),
    "drain": lambda found, o: backlog.measure(found, o.backlog, o.seconds, kafka=False),
    "drain-kafka": lambda found, o: backlog.measure(found, o.backlog, o.seconds, kafka=True),
    "visible": lambda found, o: visible.measure(found, 2 * o.seconds, kafka=False),
    "visible-kafka": lambda found, o: visible.measure(found, 2 * o.seconds, kafka=True),
}


def main() -> None:
    """Measure the parts asked for, one after another, and print them."""
    options = _arguments()
    results = Results()
    if not options.json:
        print(HEAD, flush=True)
    for name in options.parts.split(","):
        shown = len(results.figures)
        PARTS[name](results, options)
        if not options.json:
            print("\n".join(each.row() for each in results.figures[shown:]), flush=True)
    if options.plots is not None:
        write_plots(results.plots, options.plots)
    if options.json:
        print(json.dumps([asdict(each) for each in results.figures]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.feedback",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--parts", default=",".join(PARTS), type=_parts, help="of them, by commas")
    parser.add_argument("--likes", type=int, default=6_000, help="single likes of each run")
    parser.add_argument("--backlog", type=int, default=60_000, help="events drained alone")
    parser.add_argument(
        "--seconds", type=int, default=10, help="of likes beside a drain; twice for visible"
    )
    parser.add_argument("--plots", type=Path, help="a folder for plots")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _parts(names: str) -> str:
    for name in names.split(","):
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(PARTS)}")
        if name == "likes-postgres" and postgres.programs() is None:
            raise argparse.ArgumentTypeError("Postgres (the program initdb) is not there")
        if name.endswith("kafka") and not can_start():
            raise argparse.ArgumentTypeError("Kafka needs Java 17 or newer, and mvn")
    return names


if __name__ == "__main__":
    main()
