"""The wiring of the installation: settings, addresses, processes."""

# Celery's shared tasks bind to the application that is loaded: it must be so in every process.
from musicrec.celery import app as celery_app

__all__ = ["celery_app"]
