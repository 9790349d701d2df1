"""Names for consumers that last longer than their processes.

A consumer that is killed and started again under its old name gets its partitions back at once.
Under a new one the group would wait until the dead member's session runs out.
"""

import fcntl
import hashlib
import re
import socket
from pathlib import Path
from typing import IO, Final

from django.conf import settings

MAX_SLOTS: Final = 1_000


class MemberSlot:
    """The lowest number that no other process on this machine holds, until closed or killed.

    name: the machine, the folder of the locks and the number, in the characters that Kafka allows.
    """

    def __init__(self) -> None:
        folder = Path(settings.STATE_DIR) / "consumers"
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(MAX_SLOTS):
            file = (folder / f"{number}.lock").open("w")
            if _locked(file):
                self.name, self._file = f"{slot_prefix()}{number}", file
                return
            file.close()
        raise RuntimeError(f"all {MAX_SLOTS} consumer slots in {folder} are taken")

    def close(self) -> None:
        """Let another process have the number."""
        self._file.close()


def slot_prefix() -> str:
    """What the names of all slots of this machine and STATE_DIR begin with.

    The locks keep apart who shares the folder. Two folders on one machine have a slot 0 each, and
    two members of one name would throw one another out of the group.
    """
    whole = f"{socket.gethostname()}\0{Path(settings.STATE_DIR).resolve()}"
    digest = hashlib.blake2b(whole.encode(), digest_size=4).hexdigest()
    # With the digest a name that had to be cut is still one of its own.
    return f"{host_name()[:36]}-{digest}-"


def host_name() -> str:
    """This machine's name, in the characters that Kafka allows in a name."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:45]


def _locked(file: IO[str]) -> bool:
    """Whether the file could be locked; the system unlocks it when the process ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
