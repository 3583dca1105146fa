"""Every page that a person can come to: what is checked on all of them goes through this list.

`{run}` stands for a run that is over.
"""

from __future__ import annotations

PAGES = (
    "/",
    "/runs/",
    "/runs/{run}/",
    "/runs/{run}/log/",
    "/runs/{run}/artifacts/",
    "/runs/{run}/files/",
    "/runs/{run}/environment/",
    "/runs/{run}/resources/",
    "/runs/{run}/events/",
    "/runs/{run}/delete/",
    "/runs/{run}/changes/",
    "/submit/",
    "/submit/?from={run}",
    "/sources/",
    "/sources/counted/",
    "/sources/counted/delete/",
    "/new/source/",
    "/targets/",
    "/targets/local/",
    "/targets/local/edit/",
    "/new/target/",
    "/new/target/?kind=docker",
    "/data/",
    "/new/data/",
    "/environments/",
    "/environments/scikit-learn/",
    "/new/environment/",
    "/help/",
    "/notices/",
    "/admin/",
    "/admin/runs/run/",
    "/admin/django_rq/dashboard/",
    "/account/",
    "/people/",
    "/credentials/",
)
