"""What kind of disk a file lies on."""

from pathlib import Path
from typing import Final

NETWORK: Final = frozenset(
    {
        "9p",
        "afs",
        "ceph",
        "cifs",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.sshfs",
        "glusterfs",
        "lustre",
    }
    | {"nfs", "nfs4", "smb3", "smbfs"}
)
MOUNTS: Final = Path("/proc/self/mounts")


def network_filesystem(file: str | Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of network disk that holds the file, None for a local one or where none can tell.

    mounts: a table in the form of Linux's /proc/self/mounts.
    """
    try:
        rows = [line.split(" ") for line in mounts.read_text().splitlines()]
    except OSError:
        return None
    path = Path(file).resolve()
    # Of two mounts at one place the later one lies on top, so among the deepest the last counts.
    holding = [row for row in rows if len(row) > 2 and path.is_relative_to(_unescaped(row[1]))]
    if not holding:
        return None
    deepest = max(len(_unescaped(row[1])) for row in holding)
    kind = next(row[2] for row in reversed(holding) if len(_unescaped(row[1])) == deepest)
    return kind if kind in NETWORK else None


def _unescaped(place: str) -> str:
    return place.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
