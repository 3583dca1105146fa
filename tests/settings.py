"""The settings under test: the real ones, away from everything that the machine has set."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_database_url = os.environ.get("DATABASE_URL", "")
for name in [name for name in os.environ if name.startswith("RUNYARD_")] + ["REDIS_URL"]:
    if name != "RUNYARD_SCREENSHOTS":  # asks the browser tests for the picture in the README
        os.environ.pop(name, None)
_spare = Path(tempfile.mkdtemp(prefix="runyard-tests-"))
atexit.register(shutil.rmtree, _spare, ignore_errors=True)
os.environ["RUNYARD_DATA_DIR"] = str(_spare)
# of the first process: its workers inherit it
os.environ.setdefault("TESTS_SHARED_DIR", str(_spare))
os.environ["RUNYARD_SECRET_KEY"] = "a key for tests that is longer than fifty characters"
# processes that a test starts are real ones: they read the real settings
os.environ["DJANGO_SETTINGS_MODULE"] = "studio.settings"

from studio.settings import *  # noqa: E402, F403

STATIC_ROOT = _spare  # any that is there: nothing was collected
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # names without hashes need no collected files
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # only for speed
if not _database_url:
    # a file and not memory, because tests write from several threads
    DATABASES["default"]["TEST"] = {"NAME": str(_spare / "tests.sqlite3")}  # noqa: F405
    # what a test writes is taken back: it stays in memory while there is room
    DATABASES["default"]["OPTIONS"]["init_command"] += (  # noqa: F405
        "PRAGMA synchronous=OFF; PRAGMA cache_size=-32768; PRAGMA temp_store=MEMORY;"
    )
