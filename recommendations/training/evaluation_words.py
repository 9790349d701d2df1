"""What ``manage.py evaluate`` prints for a person."""

from collections.abc import Sequence

from recommendations.engine.model import Recipe
from recommendations.training import report_words
from recommendations.training.evaluating import Report

COMPARED = ("ndcg@10", "recall@20", "auc")
# These stand among the figures of the lists, beside what users like.
SAID_BELOW = ("coverage@20", "mean_popularity_percentile@20")


def in_words(reports: Sequence[Report]) -> list[str]:
    """One block of lines for each report; before several, a table that compares them."""
    lines = comparison(reports) if len(reports) > 1 else []
    for at, report in enumerate(reports):
        lines += ["", ""] if at or lines else []
        lines += block(report)
    return lines


def comparison(reports: Sequence[Report]) -> list[str]:
    """A row for each report."""
    metrics = [name for name in COMPARED if all(name in each.metrics for each in reports)]
    width = max(len(each.name) for each in reports) + 2
    head = "".join(f"{name + '  (95 %)':27}" for name in metrics)
    lines = [f"{'':{width}}{head}coverage  popularity  novelty  personal"]
    for each in reports:
        cells = "".join(f"{_figure(each, name):27}" for name in metrics)
        lines.append(f"{each.name:{width}}{cells}{_lists(each)}")
    return lines


def block(report: Report) -> list[str]:
    """Everything that was measured of one algorithm."""
    lines = [
        Recipe(report.algorithm, report.parameters).in_words(),
        report.reason,
        f"{report.users:,} users, at most {report.peak_rss_mb:,.0f} MB of memory",
        f"tuned in {report.tune_seconds:.1f} s, then fitted in {report.fit_seconds:.1f} s",
        *_score_time(report.score_microseconds),
        "",
    ]
    for name, value in report.metrics.items():
        if report.report and name in SAID_BELOW:
            continue
        low, high = report.intervals[name]
        lines.append(f"{name:30} {value:8.4f}   95 % {low:.4f} to {high:.4f}")
    if report.report:
        lines += ["", *report_words.figures(report.report), *report_words.groups(report.report)]
    return [*lines, "", *(f"{name.replace('_', ' ')}: {n:,}" for name, n in report.counts.items())]


def _figure(report: Report, name: str) -> str:
    low, high = report.intervals[name]
    return f"{report.metrics[name]:.4f}  ({low:.4f} to {high:.4f})"


def _lists(report: Report) -> str:
    """The last columns; nothing of a test without users, or where every list is empty."""
    found = report.report
    if "popularity_percentile@20" not in found:
        return ""
    popularity, novelty = found["popularity_percentile@20"], found["novelty_bits@20"]
    personal = found["served_personally"]
    return f"{found['coverage@20']:8.1%}  {popularity:10.1f}  {novelty:7.2f}  {personal:8.1%}"


def _score_time(microseconds: dict[str, float]) -> list[str]:
    """What one user costs, where anybody was asked."""
    if not microseconds:
        return []
    p50, p99 = microseconds["p50"], microseconds["p99"]
    return [f"one user's 100 best songs take {p50:,.0f} µs on one thread (p99 {p99:,.0f} µs)"]
