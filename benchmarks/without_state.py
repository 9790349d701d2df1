"""Django without an installation: imported before whatever needs its settings.

Nothing is read from or written to an installation's state, whose folder is made on start: there is
one of the benchmark's own, gone with the process.
"""

import os
from tempfile import TemporaryDirectory

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "musicrec.settings")
_state = TemporaryDirectory(prefix="musicrec-bench-")
os.environ["STATE_DIR"] = _state.name
django.setup()
