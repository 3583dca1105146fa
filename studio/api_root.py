"""Mounts every app's routers on the API; the documentation is made from them."""

from __future__ import annotations

from compute.api import data_router as data
from compute.api import router as targets
from compute.api_kinds import router as kinds
from compute.api_registries import router as registries
from environments.api import router as environments
from environments.api_versions import router as versions
from environments.builtapi import router as built
from environments.indexapi import router as package_index
from runs.api.artifacts import router as artifacts
from runs.api.builds import router as builds
from runs.api.credentials import router as credentials
from runs.api.experiments import router as experiments
from runs.api.imports import router as imports
from runs.api.leftovers import router as leftovers
from runs.api.logs import router as logs
from runs.api.metrics import router as metrics
from runs.api.preflight import router as preflight
from runs.api.runs import router as runs
from runs.api.secrets import router as secrets
from runs.api.snapshots import router as snapshots
from runs.api.sources import router as sources
from studio.api import api
from studio.api_errors import nowhere
from studio.api_people import router as people
from studio.api_tokens import router as tokens

__all__ = ["api"]

for prefix, router in (
    ("", snapshots),
    ("/runs/preflight", preflight),
    ("/runs", runs),
    ("/runs", logs),
    ("/runs", metrics),
    ("/runs", artifacts),
    ("/imports", imports),
    ("/credentials", credentials),
    ("/registries", registries),
    ("/secrets", secrets),
    ("/sources", sources),
    ("/experiments", experiments),
    ("/target-kinds", kinds),
    ("/targets", targets),
    ("/targets", leftovers),
    ("/targets", built),
    ("/data", data),
    ("/environments", environments),
    ("/environments", versions),
    ("/package-index", package_index),
    ("/builds", builds),
    ("", people),
    ("/tokens", tokens),
    ("", nowhere),  # last: it takes every address
):
    api.add_router(prefix, router)
