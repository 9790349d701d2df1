"""How well each algorithm foretells likes, and what that costs: one table for a folder of data.

    python -m benchmarks.accuracy fixtures
    python -m benchmarks.accuracy DATA/amazon-cds --algorithms popularity,svd --budget-seconds 120

A folder holds interactions_train.csv and interactions_test.csv (a published split), or
interactions.csv, whose rows are split 80/20 per user by seeds 1 to 5; figures are then means over
the seeds. songs.csv, where there is one, says who songs are by and of which genres. Each run is a
process of its own, so that peaks of memory are apart: manage.py evaluate for ours,
benchmarks/evaluate_peer.py for those of other libraries (benchmarks/peers.py), by the same
evaluation. Peers whose library is missing are left out, and their rows say so:
pip install -r requirements-benchmarks.txt
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import peers
from recommendations.engine import algorithms

ROOT = Path(__file__).resolve().parent.parent
ALGORITHMS = ",".join(["popularity", *peers.PEERS, *algorithms.ALGORITHMS[1:], "auto"])
SHOWN = ("ndcg@10", "ndcg@20", "recall@20", "auc")
TITLES = (
    "model",
    "NDCG@10",
    "NDCG@20",
    "Recall@20",
    "AUC",
    "tune s",
    "fit s",
    "CPU s",
    "peak MB",
    "score µs p50; p99",
)
REJECTS = 3  # exit code of a run that left bad rows out


@dataclass(frozen=True)
class Run:
    """What one process printed, and the processor time that it took, in seconds."""

    report: dict[str, Any]
    cpu_seconds: float


def main() -> None:
    """Measure every algorithm asked for and print one table."""
    options = _arguments()
    protocols = _protocols(options.folder, options.seeds.split(","))
    rows = []
    for algorithm in options.algorithms.split(","):
        rows.append(_measured(algorithm, protocols, options.budget_seconds))
        if not options.json:
            print(_markdown(rows[-1:], header=len(rows) == 1), flush=True)
    if options.json:
        print(json.dumps(rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--algorithms", default=ALGORITHMS, help=f"of {ALGORITHMS}")
    parser.add_argument("--seeds", default="1,2,3,4,5", help="of the splits of a single file")
    parser.add_argument("--budget-seconds", type=float, help="for tuning and training, a run")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _measured(
    algorithm: str, protocols: list[list[str]], budget_seconds: float | None
) -> dict[str, Any]:
    """The row of one algorithm; of a peer whose library is missing, why it is left out."""
    if algorithm in peers.PEERS:
        try:
            peers.must_be_installed(algorithm)
        except peers.MissingLibrary as error:
            print(f"{algorithm} is left out: it {error}", file=sys.stderr)
            return {"algorithm": algorithm, "left_out": str(error)}
    command = _command(algorithm, budget_seconds)
    return _row(algorithm, [_run([*command, *protocol]) for protocol in protocols])


def _command(algorithm: str, budget_seconds: float | None) -> list[str]:
    """What evaluates the algorithm, but for the data."""
    if algorithm in peers.PEERS:
        return ["-m", "benchmarks.evaluate_peer", "--algorithm", algorithm]
    command = ["manage.py", "evaluate", "--json", "--algorithm", algorithm]
    return [*command, "--budget-seconds", str(budget_seconds)] if budget_seconds else command


def _protocols(folder: Path, seeds: Sequence[str]) -> list[list[str]]:
    """The arguments of ``evaluate`` for each run."""
    train, test = file_of(folder, "interactions_train"), file_of(folder, "interactions_test")
    songs = file_of(folder, "songs")
    catalogue = ["--songs", songs] if songs else []
    if train and test:
        return [["--train", train, "--test", test, *catalogue]]
    whole = file_of(folder, "interactions")
    if whole is None:
        sys.exit(f"{folder} has no interactions.csv, nor interactions_train and interactions_test")
    return [["--train", whole, "--split", "0.2", "--seed", seed, *catalogue] for seed in seeds]


def file_of(folder: Path, name: str) -> str | None:
    """The file of this name in a folder of data, gzipped or not; None where there is none."""
    found = [file for ending in (".csv", ".csv.gz") if (file := folder / (name + ending)).exists()]
    return str(found[0].resolve()) if found else None


def _run(arguments: list[str]) -> Run:
    """One evaluation in a process of its own."""
    command = [sys.executable, *arguments]
    with TemporaryDirectory() as state:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"STATE_DIR": state}, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, REJECTS):
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return Run(json.loads(printed), usage.ru_utime + usage.ru_stime)


def _row(algorithm: str, runs: list[Run]) -> dict[str, Any]:
    """Means over the runs; of intervals the means of their ends; of memory the most."""
    reports = [run.report for run in runs]
    known = [name for name in SHOWN if all(name in report["metrics"] for report in reports)]
    chosen = sorted({report["algorithm"] for report in reports})
    return {
        "algorithm": algorithm,
        "chosen": ", ".join(chosen),
        "parameters": [report["parameters"] for report in reports],
        "users": round(fmean(report["users"] for report in reports)),
        "metrics": {name: fmean(r["metrics"][name] for r in reports) for name in known},
        "intervals": {
            name: [fmean(r["intervals"][name][end] for r in reports) for end in (0, 1)]
            for name in known
        },
        "tune_seconds": fmean(report["tune_seconds"] for report in reports),
        "fit_seconds": fmean(report["fit_seconds"] for report in reports),
        "cpu_seconds": fmean(run.cpu_seconds for run in runs),
        "peak_rss_mb": max(report["peak_rss_mb"] for report in reports),
        "score_microseconds": {
            name: fmean(report["score_microseconds"].get(name, 0.0) for report in reports)
            for name in ("p50", "p99")
        },
    }


def _markdown(rows: list[dict[str, Any]], *, header: bool) -> str:
    """The rows of a table, with its head if it is the first part."""
    lines = []
    if header:
        lines += ["| " + " | ".join(TITLES) + " |", "|" + "---|" * len(TITLES)]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> list[str]:
    """What stands in one row of the table."""
    if "left_out" in row:
        return [row["algorithm"], f"left out: {row['left_out']}", *[""] * (len(TITLES) - 2)]
    name = row["algorithm"] + (f", chose {row['chosen']}" if row["algorithm"] == "auto" else "")
    figures = [_figure(row, metric) for metric in SHOWN]
    costs = [f"{row[cost]:.1f}" for cost in ("tune_seconds", "fit_seconds", "cpu_seconds")]
    times = row["score_microseconds"]
    return [
        name,
        *figures,
        *costs,
        f"{row['peak_rss_mb']:.0f}",
        f"{times['p50']:,.0f}; {times['p99']:,.0f}",
    ]


def _figure(row: dict[str, Any], metric: str) -> str:
    """A metric with its interval, or nothing where the data do not tell."""
    if metric not in row["metrics"]:
        return ""
    low, high = row["intervals"][metric]
    return f"{_share(row['metrics'][metric])} ({_share(low)}–{_share(high)})"


def _share(value: float) -> str:
    """A number from 0 to 1, as .1234."""
    return f"{value:.4f}".removeprefix("0")


if __name__ == "__main__":
    main()
