"""The web process: ``granian --interface wsgi musicrec.wsgi:application``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "musicrec.settings")

application = get_wsgi_application()

from musicrec.checks import refuse_errors  # noqa: E402 - the apps must be loaded first

refuse_errors()
