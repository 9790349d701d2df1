"""How time, memory and accuracy grow from 100,000 to 50 million likes.

    python -m benchmarks.scale                                  all sizes, about half an hour
    python -m benchmarks.scale --short                          100,000 and a million, a minute
    python -m benchmarks.scale --sizes 5000000,50000000 --models local_ridge --plots docs/plots

Each size is a process of its own (one_size.py), on made-up likes (benchmarks/synthetic.py): fifty
a user, up to a million users and 100,000 songs. local_ridge, iALS of 128 factors and their blend,
with default parameters, beside popularity and the best that any model could do. Peak MB is that
of the whole process up to then, the data included. Accuracy: full ranking for at most 10,000
users. Score µs: one user's fold-in and exact best 100 songs, the processor's time.

--keep FOLDER takes finished sizes from there, and pieces of stopped trainings: the same command
goes on where it was. A training that went on from pieces has no seconds in the table.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.scale.one_size import MODELS, SIZES

SHORT = (100_000, 1_000_000)
# From here on a million users' factors and their solves are no part of the usual run.
MOST_OF_IALS = 10_000_000
TITLES = (
    "likes",
    "users",
    "songs",
    "model",
    "fit s",
    "of it",
    "CPU s",
    "projected s",
    "peak MB",
    "recall@20",
    "NDCG@10",
    "score µs p50; p99",
)


def main() -> None:
    """Measure every size asked for and print one table."""
    options = _arguments()
    rows: list[dict[str, Any]] = []
    for likes in options.sizes:
        found = _measured(likes, options.models, options.keep)
        rows += found
        if not options.json:
            print(markdown(found, header=len(rows) == len(found)), flush=True)
    if options.plots is not None:
        # Drawing is for whoever asks for it.
        from benchmarks.scale.plotting import write_plot

        print(f"drawn: {write_plot(rows, options.plots)}", file=sys.stderr)
    if options.json:
        print(json.dumps(rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", type=_sizes, default=tuple(SIZES), help="likes, by commas")
    parser.add_argument("--short", dest="sizes", action="store_const", const=SHORT)
    parser.add_argument(
        "--models",
        help=f"of {','.join(MODELS)}; iALS and the blend unasked to {MOST_OF_IALS:,} likes",
    )
    parser.add_argument("--keep", type=Path, help="a folder to go on from and add to")
    parser.add_argument("--plots", type=Path, help="a folder for the curve as SVG")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers") from None
    if any(size not in SIZES for size in sizes):
        raise argparse.ArgumentTypeError(f"sizes are {', '.join(map(str, SIZES))}")
    return sizes


def _measured(likes: int, models: str | None, keep: Path | None) -> list[dict[str, Any]]:
    """The rows of one size, from the folder where they are there."""
    asked = models or ",".join(MODELS if likes <= MOST_OF_IALS else MODELS[:3])
    command = [sys.executable, "-m", "benchmarks.scale.one_size", str(likes), "--models", asked]
    file = None
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        file = keep / f"{likes}-{asked}.json"
        if file.exists():
            rows: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
            return rows
        command += ["--checkpoints", str(keep / f"pieces-{likes}")]
    # Its progress bar goes to the terminal; what it prints is for us.
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    rows = [json.loads(line) for line in process.stdout.splitlines()]
    if file is not None:
        file.write_text(json.dumps(rows), encoding="utf-8")
    return rows


def markdown(rows: list[dict[str, Any]], *, header: bool) -> str:
    """The rows of a table, with its head if it is the first part."""
    lines = []
    if header:
        lines += ["| " + " | ".join(TITLES) + " |", "|" + "---:|" * 3 + "---|" + "---:|" * 8]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> list[str]:
    """What stands in one row of the table."""
    sizes = [f"{row[name]:,}" for name in ("likes", "users", "songs")]
    phases = "; ".join(f"{name} {seconds:.1f}" for name, seconds in row.get("phases", {}).items())
    costs = [_number(row, name, ",.1f") for name in ("cpu_seconds", "projected_seconds")]
    reached = [_number(row, name, ".4f").removeprefix("0") for name in ("recall@20", "ndcg@10")]
    times = row.get("score_microseconds")
    shown = f"{times['p50']:,.0f}; {times['p99']:,.0f}" if times else ""
    fitted, peak = _number(row, "seconds", ",.1f"), _number(row, "peak_mb", ",")
    return [*sizes, row["model"], fitted, phases, *costs, peak, *reached, shown]


def _number(row: dict[str, Any], name: str, shape: str) -> str:
    """A figure, or nothing where the row has none."""
    return format(row[name], shape) if name in row else ""


if __name__ == "__main__":
    main()
