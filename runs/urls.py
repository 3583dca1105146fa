"""Addresses of the product's pages. Pages that show two apps' things are here, the highest."""

from __future__ import annotations

from django.urls import path

from runs.views import (
    actions,
    artifacts,
    builds,
    driving,
    files,
    home,
    logs,
    notices,
    run,
    runs,
    submit,
    targets,
)

app_name = "runs"
urlpatterns = [
    path("", home.home, name="home"),
    path("live/home/", home.home_live, name="home_live"),
    path("example/", home.example, name="example"),
    path("workspace/", home.choose_workspace, name="workspace"),
    path("help/", driving.driving, name="help"),
    path("notices/", notices.notices, name="notices"),
    path("notices/live/", notices.deliveries, name="notices_live"),
    path("notices/secret/", notices.renew, name="notices_secret"),
    path("notices/test/", notices.test, name="notices_test"),
    path("submit/", submit.submit, name="submit"),
    path("runs/", runs.listed, name="list"),
    path("runs/rows/", runs.rows, name="rows"),
    path("runs/<int:run_id>/", run.overview, name="detail"),
    path("runs/<int:run_id>/live/", run.live, name="live"),
    path("runs/<int:run_id>/output/", run.output, name="output"),
    path("runs/<int:run_id>/log/", logs.log, name="log"),
    path("runs/<int:run_id>/log/raw/", logs.raw, name="log_raw"),
    path("runs/<int:run_id>/artifacts/", artifacts.artifacts, name="artifacts"),
    path("runs/<int:run_id>/artifacts/<path:path>", artifacts.download, name="artifact"),
    path("runs/<int:run_id>/keep/", artifacts.keep, name="keep"),
    path("runs/<int:run_id>/files/", files.files, name="files"),
    path("runs/<int:run_id>/files/<path:path>", files.files, name="file"),
    path("runs/<int:run_id>/raw/<path:path>", files.raw, name="file_raw"),
    path("runs/<int:run_id>/diff/", files.diff, name="diff"),
    path("runs/<int:run_id>/diff/raw/", files.raw_diff, name="diff_raw"),
    path("runs/<int:run_id>/environment/", run.environment, name="environment"),
    path("runs/<int:run_id>/events/", run.events, name="events"),
    path("runs/<int:run_id>/resources/", run.resources, name="resources"),
    path("runs/<int:run_id>/cancel/", actions.cancel, name="cancel"),
    path("runs/<int:run_id>/archive/", actions.archive, name="archive"),
    path("runs/<int:run_id>/delete/", actions.delete, name="delete"),
    path("targets/", targets.targets, name="targets"),
    path("live/targets/", targets.targets_live, name="targets_live"),
    path("targets/<str:name>/", targets.target, name="target"),
    path("targets/<str:name>/live/", targets.target_live, name="target_live"),
    path("builds/<int:build_id>/", builds.build, name="build"),
    path("builds/<int:build_id>/live/", builds.live, name="build_live"),
    path("builds/<int:build_id>/log/raw/", builds.raw, name="build_raw"),
    path("builds/<int:build_id>/cancel/", builds.cancel, name="build_cancel"),
]
