"""A report (engine/reporting.py) in words and tables for a person."""

from collections.abc import Mapping, Sequence
from typing import Any

# The kinds of groups as headings, in the order of the tables.
KINDS = {
    "genre": "by the song's genre",
    "profile": "by the user's profile",
    "popularity": "by the song's popularity",
}

Report = Mapping[str, Any]


def in_one_line(report: Report) -> str:
    """Coverage, popularity, novelty and who is served personally; "" where there is nothing."""
    if not report.get("listeners"):
        return ""
    said = [f"{report['coverage@20']:.1%} of the songs listed"]
    if "popularity_percentile@20" in report:
        said.append(
            f"popularity {report['popularity_percentile@20']:.0f} of 100"
            + _beside(report, "popularity_percentile_of_likes", ".0f")
        )
    if "novelty_bits@20" in report:
        said.append(
            f"novelty {report['novelty_bits@20']:.1f} bits"
            + _beside(report, "novelty_bits_of_likes", ".1f")
        )
    return ", ".join([*said, f"{report['served_personally']:.1%} served personally"])


def genres_in_one_line(report: Report) -> str:
    """NDCG@10 by genre, "" where no genre was asked about."""
    rows = report.get("accuracy", {}).get("genre", [])
    return ", ".join(f"{row['group']} {row['ndcg@10']:.3f}" for row in rows)


def figures(report: Report) -> list[str]:
    """What the lists hold, a line each, beside what the same users like."""
    lines = [
        f"{'coverage@20':30} {report['coverage@20']:8.4f}   of the songs in anybody's first 20",
        *_line(
            report,
            "gini@20",
            "gini_of_likes",
            "of listing: 0 all alike, 1 one song alone",
        ),
        *_line(
            report,
            "popularity_percentile@20",
            "popularity_percentile_of_likes",
            "0 the least liked song, 100 the most",
        ),
        *_line(
            report, "novelty_bits@20", "novelty_bits_of_likes", "-log2 of a song's share of users"
        ),
    ]
    if "served_personally" in report:
        share = report["served_personally"]
        lines.append(f"{'served personally':30} {share:8.4f}   of the users, others get popularity")
    return lines


def groups(report: Report) -> list[str]:
    """Accuracy by group, a table for each kind that has rows."""
    lines = []
    for kind, title in KINDS.items():
        rows: Sequence[Mapping[str, Any]] = report.get("accuracy", {}).get(kind, [])
        if not rows:
            continue
        lines += ["", f"{title:30}   NDCG@10  (95 %)            recall@20    users    likes"]
        for row in rows:
            low, high = row["intervals"]["ndcg@10"]
            lines.append(
                f"{row['group'][:30]:30} {row['ndcg@10']:9.4f}  ({low:.4f} to {high:.4f})"
                f"  {row['recall@20']:9.4f} {row['users']:8,} {row['likes']:8,}"
            )
    return lines


def _line(report: Report, name: str, of_likes: str, what: str) -> list[str]:
    if name not in report:
        return []
    beside = _beside(report, of_likes, ".4f").strip()
    return [f"{name:30} {report[name]:8.4f}   {f'{beside} ' if beside else ''}{what}"]


def _beside(report: Report, name: str, form: str) -> str:
    """What the users' own likes come to."""
    return f" (likes {report[name]:{form}})" if name in report else ""
