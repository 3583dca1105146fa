"""Many threads at once against a database file of their own; run by test_races.py.

Usage: race.py FOLDER, which holds a migrated database; prints what each thread got, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

THREADS = 8
ASKERS = 50
"""How many ask for one build."""


def at_once(work: Callable[[int], int], *, threads: int = THREADS) -> list[int]:
    """What `work` answers in each thread; all begin together."""
    from django.db import connection

    barrier = threading.Barrier(threads)

    def one(number: int) -> int:
        try:
            barrier.wait(timeout=30)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


def main(folder: str) -> None:
    os.environ["RUNYARD_DATA_DIR"] = folder
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studio.settings")
    import django

    django.setup()
    from compute.models import ComputeTarget
    from environments.buildkey import KeyParts
    from environments.models import Build, Lock
    from environments.services import environment_create, environment_pick
    from environments.services.ensure import build_current
    from studio.models import Membership, User, Workspace

    workspace = Workspace.objects.create(slug="main", name="team")
    user = User.objects.create_user("ada")
    Membership.objects.create(user=user, workspace=workspace)
    target = ComputeTarget.objects.create(workspace=workspace, name="local", kind="local")

    def create(number: int) -> int:
        return environment_create(
            user=user, workspace=workspace, name="mine", requirements=f"tool=={number}"
        ).number

    def create_same(number: int) -> int:
        return environment_create(
            user=user, workspace=workspace, name="same", requirements="tool"
        ).number

    def pick(number: int) -> int:
        return environment_pick(workspace=workspace, name="", folder_requirements="tool==1")[0].pk

    versions, same, picked = at_once(create), at_once(create_same), at_once(pick)
    version, _ = environment_pick(workspace=workspace, name="mine:1", folder_requirements=None)
    lock = Lock.objects.create(version=version, python_version="3.11", platform="any", text="")
    parts = KeyParts(lock="0")
    builds = at_once(
        lambda number: build_current(target=target, version=version, lock=lock, parts=parts).pk,
        threads=ASKERS,
    )
    Build.objects.update(status=Build.Status.FAILED)
    after_failure = at_once(
        lambda number: build_current(target=target, version=version, lock=lock, parts=parts).pk
    )
    found = {
        "versions": versions,
        "same": same,
        "picked": picked,
        "builds": builds,
        "after_failure": after_failure,
        "current": list(Build.objects.filter(is_current=True).values_list("pk", flat=True)),
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
