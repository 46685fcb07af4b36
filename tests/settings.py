"""Settings of the test run: the product's own, hermetic (no environment of the developer's counts)."""

import os
import tempfile

for _name in list(os.environ):
    if _name.startswith(("CORDIALLY_", "TWILIO_")) or _name in {"DATABASE_URL", "REDIS_URL", "PORT"}:
        del os.environ[_name]
if _url := os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = _url
if _url := os.environ.get("TEST_REDIS_URL"):
    # a database of its own for each process of the run, as Django gives it one of PostgreSQL
    _worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    os.environ["REDIS_URL"] = _url.rpartition("/")[0] + f"/{_worker}"
os.environ["CORDIALLY_DATA_DIR"] = tempfile.mkdtemp(prefix="cordially-test-")
os.environ["CORDIALLY_SECRET_KEY"] = "a key for tests alone"
os.environ["NO_PROXY"] = "*"

from cordially.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
os.makedirs(STATIC_ROOT, exist_ok=True)  # noqa: F405

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # a file, as in the product: the ledger's own thread must see what a test wrote
    DATABASES["default"]["TEST"] = {"NAME": os.path.join(os.environ["CORDIALLY_DATA_DIR"], "test.db")}  # noqa: F405
