"""The web process: ``granian --interface wsgi musicrec.wsgi:application``."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "musicrec.settings")

django = get_wsgi_application()

# The apps must be loaded before these can be imported.
from django.urls import get_resolver  # noqa: E402

from feedback.forgetting.deletion import obey_ledger_at_start  # noqa: E402
from feedback.lasting import leave_out_what_is_loaded  # noqa: E402
from musicrec.checks import refuse_errors  # noqa: E402
from musicrec.turn_taking import take_turns  # noqa: E402

refuse_errors()
application = take_turns(django)
obey_ledger_at_start()
# Imports all views now; the first request would wait a third of a second for it.
get_resolver().url_patterns  # noqa: B018

leave_out_what_is_loaded()
# An answer is some hundreds of small objects that are gone with it: every 700, nothing is found.
gc.set_threshold(10_000, 20, 20)
