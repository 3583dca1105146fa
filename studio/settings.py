"""All settings, from the environment only. `README.md` lists them; a test holds the list true."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
import dj_email_url
import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from studio.lib.embedded import embedded_socket
from studio.lib.env import env_networks, env_number, env_paths, env_text
from studio.lib.secret_key import key_from_file, older_keys

django_stubs_ext.monkeypatch()  # lets admin and form classes name their model as a type argument

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]

# Where things lie, and where the studio is found.
DATA_DIR = Path(env_text("RUNYARD_DATA_DIR", str(BASE_DIR / "data"))).expanduser().resolve()
HOST = env_text("RUNYARD_HOST", "127.0.0.1")
PORT = env_number("RUNYARD_PORT", 8765, least=1, most=65535)
PUBLIC_URL = env_text("RUNYARD_PUBLIC_URL").rstrip("/")
_public = urlsplit(PUBLIC_URL)
if PUBLIC_URL and (_public.scheme not in {"http", "https"} or not _public.hostname):
    raise ImproperlyConfigured(
        f"RUNYARD_PUBLIC_URL={PUBLIC_URL} is no address: write it like https://runs.example.org."
    )

# What pages and runs may use.
LINK_ROOTS = env_paths("RUNYARD_LINK_ROOTS")
DOCKER_CLI = env_text("RUNYARD_DOCKER_CLI")
"""The docker command that builds Dockerfiles; "" for one on the PATH that has BuildKit."""
SNAPSHOT_MAX_BYTES = env_number("RUNYARD_SNAPSHOT_MAX_BYTES", 1 << 30, least=1, most=1 << 50)
SNAPSHOT_MAX_FILES = env_number("RUNYARD_SNAPSHOT_MAX_FILES", 20_000, least=1, most=10_000_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 << 20  # the manifest of a full snapshot is one JSON body

# What leaves the studio: webhooks to servers that people name, and mail.
WEBHOOK_NETWORKS = env_networks("RUNYARD_WEBHOOK_NETWORKS")
_email_url = env_text("RUNYARD_EMAIL_URL")
SENDS_EMAIL = bool(_email_url)
DEFAULT_FROM_EMAIL = env_text("RUNYARD_EMAIL_FROM", f"Runyard <runyard@{_public.hostname or HOST}>")
if SENDS_EMAIL and urlsplit(_email_url).scheme not in {"smtp", "submission"}:
    raise ImproperlyConfigured(
        "RUNYARD_EMAIL_URL is no address of a mail server: write it like "
        "submission://user:password@mail.example.org (STARTTLS), or "
        "smtp://user:password@mail.example.org:465/?ssl=True."
    )
try:
    _email = dj_email_url.parse(_email_url or "dummy:")
except ValueError as error:
    raise ImproperlyConfigured(
        "RUNYARD_EMAIL_URL has a port or timeout that is no number."
    ) from error
EMAIL_BACKEND, EMAIL_TIMEOUT = _email["EMAIL_BACKEND"], _email["EMAIL_TIMEOUT"] or 10
EMAIL_HOST, EMAIL_PORT = _email["EMAIL_HOST"] or "localhost", _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER = _email["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _email["EMAIL_USE_TLS"], _email["EMAIL_USE_SSL"]

# Safety. TLS is ended by a proxy, which says so in X-Forwarded-Proto; uvicorn believes loopback.
DEBUG = False
SECRET_KEY = env_text("RUNYARD_SECRET_KEY") or key_from_file(DATA_DIR / "secret.key")
# Keys that still read what has not been encrypted anew; Django takes its signatures too.
SECRET_KEY_FALLBACKS = [
    *env_text("RUNYARD_SECRET_KEY_FALLBACKS").split(),
    *older_keys(DATA_DIR / "secret.key"),
]
_served_by_tls = _public.scheme == "https"
# One who opens the studio to a network without naming it must be found under any name.
_names = _public.hostname or ("*" if HOST in {"0.0.0.0", "::"} else HOST)  # noqa: S104
ALLOWED_HOSTS = list(dict.fromkeys(["127.0.0.1", "localhost", "[::1]", HOST, _names]))
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if PUBLIC_URL else []
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _served_by_tls
SECURE_HSTS_SECONDS = 31_536_000 if _served_by_tls else 0
# Cookies do not tell ports apart: two studios on one host must not sign each other's people out.
SESSION_COOKIE_NAME = f"runyard_{hashlib.sha256(SECRET_KEY.encode()).hexdigest()[:8]}"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "axes.W002",  # our own sign-in page says that somebody is locked out; nothing else asks
    "security.W005",  # the names below the studio's host are not ours to decide about
    "security.W008",  # the proxy redirects to https; the command line here speaks to loopback
    "security.W021",
]
if not _served_by_tls:
    # Plain HTTP is the rule on one machine: a secure cookie would never come back over it, and
    # studio.W002 warns when others listen that way.
    SILENCED_SYSTEM_CHECKS += ["security.W004", "security.W012", "security.W016"]

INSTALLED_APPS = [
    "studio.apps.ConsoleConfig",  # django.contrib.admin, for the owner alone
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",  # slows down who guesses passwords
    "channels",
    "ninja",  # its pages of documentation, without a foreign server
    "studio.apps.StudioConfig",  # before django_rq: its `rqworker` is the one
    "django_rq",
    "compute",
    "environments",
    "runs",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "studio.csp.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "studio.api_errors.wrong_method_as_sentence",
]
ROOT_URLCONF = "studio.urls"
ASGI_APPLICATION = "studio.asgi.application"
AUTH_USER_MODEL = "studio.User"
LOGIN_URL = "studio:sign_in"
LOGIN_REDIRECT_URL = "/"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it keeps out who guessed too often
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Wrong passwords are counted in the database for each name and address. Whoever guesses cannot
# lock the person out elsewhere, and a one-time link always works.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
FORMAT_MODULE_PATH = "studio.lib.formats"

# The database: the only truth about runs.
DATABASE_URL = env_text("DATABASE_URL", f"sqlite:///{DATA_DIR / 'db.sqlite3'}")
try:
    _database = dj_database_url.parse(DATABASE_URL)
except ValueError as error:
    raise ImproperlyConfigured(
        "DATABASE_URL is no address of a database: write it like postgres://user:password@host/name."
    ) from error
if _database["ENGINE"] == "django.db.backends.sqlite3":
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
DATABASES = {"default": _database}

# The queue and the channel layer: may be wiped at any time.
REDIS_URL = env_text("REDIS_URL", f"unix://{embedded_socket(DATA_DIR)}")
RQ_QUEUES = {"default": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 60}}
RQ_SHOW_ADMIN_LINK = True
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "runyard"},
    }
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "studio.lib.staticfiles.HashedFiles"},
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        # a wrong address or a malformed request is the caller's business, not the operator's
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"level": "ERROR"},
    },
}
