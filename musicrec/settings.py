"""Settings, read from the environment once, typed and checked (docs/operations.md lists them all).

Nothing set means the embedded default: SQLite, the outbox as the log, the filesystem as Celery's
broker, all state under ``var/``.
"""

from pathlib import Path
from typing import Any

import environs

from musicrec.caches import cache_settings
from musicrec.embedded import filesystem_broker, make_state_dir, secret_key_of, sqlite_database
from musicrec.log_lines import logging_settings

env = environs.Env()

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = Path(env.str("STATE_DIR", str(BASE_DIR / "var")))
make_state_dir(STATE_DIR)

# --- Where data lives -------------------------------------------------------------------------
DATABASE_URL: str = env.str("DATABASE_URL", "")
# How long a statement waits for a lock that somebody else holds; after that a request is a 503.
LOCK_TIMEOUT_SECONDS: float = env.float("LOCK_TIMEOUT_SECONDS", 20.0)
DATABASES: dict[str, Any] = {
    "default": env.dj_db_url("DATABASE_URL", conn_max_age=None, conn_health_checks=True)
    if DATABASE_URL
    else sqlite_database(STATE_DIR / "musicrec.sqlite3", LOCK_TIMEOUT_SECONDS)
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"] = sqlite_database(Path(DATABASES["default"]["NAME"]), LOCK_TIMEOUT_SECONDS)
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # A server that does not answer is an error within seconds, not a request that hangs.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
    # And so is a lock that is not let go: by itself Postgres waits for ever.
    DATABASES["default"]["OPTIONS"].setdefault(
        "options", f"-c lock_timeout={int(LOCK_TIMEOUT_SECONDS * 1_000)}"
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MODEL_DIR = Path(env.str("MODEL_DIR", str(STATE_DIR / "models")))

REDIS_URL: str = env.str("REDIS_URL", "")
CACHES = cache_settings(REDIS_URL)

# --- Likes ------------------------------------------------------------------------------------
KAFKA_BOOTSTRAP_SERVERS: list[str] = env.list("KAFKA_BOOTSTRAP_SERVERS", [])
LIKES_TOPIC: str = env.str("LIKES_TOPIC", "song_likes")
LIKES_GROUP: str = env.str("LIKES_GROUP", "musicrec")
LIKES_PARTITIONS: int = env.int("LIKES_PARTITIONS", 3)
# What was sent so long ago and has had no effect is sent again.
RESEND_AFTER_SECONDS: float = env.float("RESEND_AFTER_SECONDS", 3_600.0)
# Of a member of the group: silent for so long it counts as dead, busy with a batch as stuck.
LIKES_SESSION_SECONDS: float = env.float("LIKES_SESSION_SECONDS", 6.0)
LIKES_MAX_POLL_SECONDS: float = env.float("LIKES_MAX_POLL_SECONDS", 60.0)
# A consumer stops when it would put aside more than so many in a row, or than this share of the
# last ones: the fault is then not in the messages. 0 is no limit.
POISON_IN_A_ROW: int = env.int("POISON_IN_A_ROW", 1_000)
POISON_SHARE: float = env.float("POISON_SHARE", 0.1)
POISON_WINDOW: int = env.int("POISON_WINDOW", 10_000)

# --- The model --------------------------------------------------------------------------------
MODEL_ALGORITHM: str = env.str("MODEL_ALGORITHM", "auto")
RETRAIN_INTERVAL_SECONDS: int = env.int("RETRAIN_INTERVAL_SECONDS", 300)
# Between trainings; 0 for no refreshes.
REFRESH_INTERVAL_SECONDS: int = env.int("REFRESH_INTERVAL_SECONDS", 0)
TRAINING_BUDGET_SECONDS: float = env.float("TRAINING_BUDGET_SECONDS", 300.0)
# Of a processor's time, for folding one listener in and finding the best hundred songs.
SERVING_BUDGET_MICROSECONDS: float = env.float("SERVING_BUDGET_MICROSECONDS", 1_500.0)
# A training may hold the interpreter for minutes on end, so that its lease cannot be renewed.
TRAINING_LEASE_SECONDS: int = env.int("TRAINING_LEASE_SECONDS", 900)

CELERY_BROKER_URL: str = REDIS_URL or "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"socket_connect_timeout": 2, "socket_timeout": 10}
    if REDIS_URL
    else filesystem_broker(STATE_DIR / "celery")
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.2}
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "celery" / "beat-schedule")
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "retrain": {
        "task": "recommendations.retrain_if_changed",
        "schedule": RETRAIN_INTERVAL_SECONDS,
        # A worker that was away must not find a queue of trainings to catch up with.
        "options": {"expires": RETRAIN_INTERVAL_SECONDS},
    },
    "prune": {"task": "feedback.prune", "schedule": 3_600, "options": {"expires": 3_600}},
    "keep_old_profiles": {
        "task": "feedback.keep_old_profiles",
        "schedule": 86_400,
        "options": {"expires": 86_400},
    },
}
if REFRESH_INTERVAL_SECONDS > 0:
    CELERY_BEAT_SCHEDULE["refresh"] = {
        "task": "recommendations.refresh_if_changed",
        "schedule": REFRESH_INTERVAL_SECONDS,
        "options": {"expires": REFRESH_INTERVAL_SECONDS},
    }

# --- The web ----------------------------------------------------------------------------------
DEBUG: bool = env.bool("DEBUG", False)
SECRET_KEY: str = secret_key_of(
    env.str("SECRET_KEY", ""), DATABASES["default"]["ENGINE"], STATE_DIR
)
# After a change of SECRET_KEY: old ones, as long as tokens and sessions made with them shall last.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
# Old keys by which forget markers are still found, and nothing else is signed or believed.
FORGOTTEN_KEYS: list[str] = env.list("FORGOTTEN_KEYS", [])
# No part of the database, so that a restored backup cannot bring back who was forgotten since.
FORGOTTEN_LEDGER = Path(env.str("FORGOTTEN_LEDGER", str(STATE_DIR / "forgotten.jsonl")))
# Always this machine's own address: probes beside the process come by it.
ALLOWED_HOSTS: list[str] = [*env.list("ALLOWED_HOSTS", ["localhost", "[::1]"]), "127.0.0.1"]
SEED_ROUTES_OPEN: bool = env.bool("SEED_ROUTES_OPEN", False)
# Lets anyone who sees the pages be any listener: for `manage.py demo` on loopback alone.
DEMO: bool = env.bool("DEMO", False)
PASSWORD_RESET_TIMEOUT: int = env.int("PASSWORD_RESET_TIMEOUT", 3_600)

# Who may call how often (access/). The limits are requests a minute, 0 for none.
LISTENER_TOKEN_TTL_SECONDS: int = env.int("LISTENER_TOKEN_TTL_SECONDS", 86_400)
REQUESTS_PER_MINUTE: dict[str, int] = {
    "listener": env.int("LISTENER_REQUESTS_PER_MINUTE", 600),
    "anonymous": env.int("ANONYMOUS_REQUESTS_PER_MINUTE", 300),
    "service": env.int("SERVICE_REQUESTS_PER_MINUTE", 0),
}
# How many proxies of our own stand before the server: so many entries of X-Forwarded-For are true.
TRUSTED_PROXIES: int = env.int("TRUSTED_PROXIES", 0)

# Whether the world reaches us by https only; the default is for a loopback without it.
HTTPS: bool = env.bool("HTTPS", False)
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_HSTS_SECONDS: int = env.int("HSTS_SECONDS", 31_536_000) if HTTPS else 0
# Probes come from inside, without https.
SECURE_REDIRECT_EXEMPT = ["^(healthz|readyz|metrics)$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS and TRUSTED_PROXIES else None
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
# Other names below this domain, and browsers' built-in lists, are not ours to decide on.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]

ROOT_URLCONF = "musicrec.urls"
WSGI_APPLICATION = "musicrec.wsgi.application"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "musicrec",
    "access",
    "recommendations",
    "feedback",
    "pages",
]
MIDDLEWARE = [
    "musicrec.request_record.record_requests",
    "django.middleware.security.SecurityMiddleware",
    "musicrec.body_limits.limit_bodies",
    "musicrec.page_middleware.StaticFiles",
    "musicrec.page_middleware.Sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "musicrec.page_middleware.Users",
    "musicrec.page_middleware.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
STATIC_URL = "static/"
# Served from where they lie in the apps; nothing is collected.
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["access.authentication.CredentialAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["access.permissions.Serves"],
    "DEFAULT_THROTTLE_CLASSES": ["access.throttles.CallerThrottle"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "musicrec.negotiation.JsonFirst",
    "DEFAULT_RENDERER_CLASSES": ["musicrec.json_renderer.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["musicrec.json_parser.StrictJsonParser"],
    "DEFAULT_SCHEMA_CLASS": "musicrec.operation_names.NamedByView",
    "EXCEPTION_HANDLER": "musicrec.problems.exception_handler",
    "UNAUTHENTICATED_USER": "access.callers.anonymous",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "musicrec",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    # Without the hook that names enums: choices stand where they are used.
    "POSTPROCESSING_HOOKS": ["musicrec.api_document.add_problems"],
}

LOG_LEVEL: str = env.str("LOG_LEVEL", "INFO").upper()
LOG_REQUESTS: bool = env.bool("LOG_REQUESTS", False)
LOGGING = logging_settings(LOG_LEVEL)

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
