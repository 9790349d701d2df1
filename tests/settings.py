"""Settings of the tests: the embedded default, in a folder of its own that is thrown away."""

import os
import tempfile
from pathlib import Path

os.environ["STATE_DIR"] = tempfile.mkdtemp(prefix="musicrec-tests-")

from musicrec.settings import *  # noqa: F403
from musicrec.settings import DATABASES, STATE_DIR

# A file, not memory: the tests see WAL, locks and other processes as users do.
DATABASES["default"].setdefault("TEST", {})
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"]["NAME"] = str(Path(STATE_DIR) / "test.sqlite3")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
