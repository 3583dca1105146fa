"""Which worker takes which test: what shares a studio stays together, all else goes to who is free.

pytest-xdist's own `--dist loadgroup` writes the group into the node id, which pytest 9 no longer
takes over: groups were torn apart and their studios and environments made once a worker. Here
the group is read off the path, which both sides know.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TOGETHER = {  # what begins so is one group: a folder, a module with a studio of its own, or
    # what needs the same dear environment
    "tests/browser/": "browser",
    "tests/docker/test_chaos.py": "broken engine",  # it waits more than it works
    "tests/docker/": "docker",
    "tests/end_to_end/": "end_to_end",
    "tests/chaos/test_crowd.py": "kills",
    "tests/chaos/test_gpus.py": "kills",
    "tests/chaos/test_keeper.py": "kills",
    "tests/chaos/test_kills.py": "kills",
    "tests/chaos/test_postgres.py": "postgres",
    "tests/environments/test_catalog.py::test_the_locked_packages_install_and_pass_the_smoke_script"
    "[scikit-learn]": "scikit-learn",
    "tests/environments/test_example.py": "scikit-learn",
    "tests/runner/": "runner",  # as "broken engine": early, beside what keeps the processors busy
    "tests/studio/test_reach.py": "reach",
    "tests/studio/test_up.py": "up",
}


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """One test at a time to who is free, groups whole."""

    def _split_scope(self, nodeid: str) -> str:
        for beginning, group in TOGETHER.items():
            if nodeid.startswith(beginning):
                return group
        return nodeid


def make(config: pytest.Config, log: Any) -> GroupScheduling:
    """What `--dist loadscope` means in this project."""
    return GroupScheduling(config, log)
