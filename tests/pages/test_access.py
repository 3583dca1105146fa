"""Every page, with the owner, a member, a viewer, a stranger and nobody."""

from __future__ import annotations

import pytest
from django.urls import get_resolver, reverse

from environments.models import Build, LockUpdate
from runs.models import Run, Source, SourceImport
from tests.pages.visitor import Visitor

OPEN = ("runs:home", "runs:home_live", "runs:help", "runs:list", "runs:rows", "runs:columns",
        "runs:complete", "runs:csv", "runs:trash", "runs:targets",
        "runs:targets_live", "runs:sources", "runs:credentials", "runs:notices",
        "runs:notices_live", "environments:list", "compute:data", "runs:experiments",
        "runs:experiments_live", "runs:find", "runs:builds", "runs:builds_live",
        "environments:compare", "compute:registries")  # fmt: skip
OF_A_RUN = ("detail", "live", "output", "log", "log_raw", "artifacts", "files", "diff", "diff_raw",
            "environment", "events", "metrics", "metrics_export", "resources", "snapshot_zip",
            "compare", "artifacts_zip", "usage", "log_tail", "log_search", "log_marks")  # fmt: skip
RUN_ACTIONS = ("cancel", "archive", "keep", "again", "delete", "labels", "turn")
WITH_FORMS = {"environments:delete", "environments:version_delete", "runs:experiment_edit",
              "runs:leftovers", "runs:source_delete", "compute:delete",
              "compute:edit", "compute:data_edit", "compute:data_delete"}  # fmt: skip
FOR_CONTRIBUTORS = ("runs:submit", "runs:source_create", "runs:folders", "runs:environment_create",
                    "runs:experiment_create", "runs:secrets", "environments:index")  # fmt: skip


def an_import(run: Run) -> SourceImport:
    """One that a worker will do sometime."""
    found, _ = SourceImport.objects.get_or_create(
        workspace=run.workspace, user=run.submitted_by, url="/srv/code", defaults={"request": "x"}
    )
    return found


def an_update(build: Build) -> LockUpdate:
    """Newer packages of the build's environment, which nobody has made a version of."""
    found, _ = LockUpdate.objects.get_or_create(version=build.version, status="ready")
    return found


def pages(run: Run, build: Build) -> dict[str, str]:
    """Pages about things of the workspace: name to address."""
    found = {f"runs:{name}": reverse(f"runs:{name}", args=[run.pk]) for name in OF_A_RUN}
    found |= {
        "runs:series": reverse("runs:series", args=[run.pk]) + "?keys=items",
        "runs:artifact": reverse("runs:artifact", args=[run.pk, "outputs/mo del.pkl"]),
        "runs:artifact_view": reverse("runs:artifact_view", args=[run.pk, "outputs/mo del.pkl"]),
        "runs:file": reverse("runs:file", args=[run.pk, "items/deep/util.py"]),
        "runs:file_raw": reverse("runs:file_raw", args=[run.pk, "picture.bin"]),
        "runs:experiment": reverse("runs:experiment", args=["ridge"]),
        "runs:source": reverse("runs:source", args=["ridge & lasso"]),
        "runs:source_delete": reverse("runs:source_delete", args=["ridge & lasso"]),
        "runs:changes": reverse("runs:changes", args=[run.snapshot.digest])
        + f"?to={run.snapshot.digest}",
        "runs:build": reverse("runs:build", args=[build.pk]),
        "runs:build_live": reverse("runs:build_live", args=[build.pk]),
        "runs:build_raw": reverse("runs:build_raw", args=[build.pk]),
        "runs:build_tail": reverse("runs:build_tail", args=[build.pk]),
        "runs:build_search": reverse("runs:build_search", args=[build.pk]) + "?q=x",
        "runs:build_marks": reverse("runs:build_marks", args=[build.pk]),
        "runs:build_cluster": reverse("runs:build_cluster", args=[build.pk, 0]),
        "runs:build_states": reverse("runs:build_states", args=[build.pk, 1]),
        "runs:log_cluster": reverse("runs:log_cluster", args=[run.pk, 0]),
        "runs:log_states": reverse("runs:log_states", args=[run.pk, 1]),
        "runs:import": reverse("runs:import", args=[an_import(run).pk]),
        "runs:import_live": reverse("runs:import_live", args=[an_import(run).pk]),
        "runs:target": reverse("runs:target", args=["local"]),
        "runs:target_live": reverse("runs:target_live", args=["local"]),
        "runs:leftovers": reverse("runs:leftovers", args=["local"]),
        "environments:detail": reverse("environments:detail", args=["minimal"]),
        "environments:version": reverse("environments:version", args=["minimal", 1]),
        "environments:lock": reverse("environments:lock", args=["minimal", 1, build.lock_id]),
    }
    for name in ("update", "update_live"):
        found[f"environments:{name}"] = reverse(
            f"environments:{name}", args=["minimal", an_update(build).pk]
        )
    return found


def changes(run: Run, build: Build) -> dict[str, str]:
    """What is posted to, about things of the workspace."""
    found = {f"runs:{name}": reverse(f"runs:{name}", args=[run.pk]) for name in RUN_ACTIONS}
    found["runs:import_cancel"] = reverse("runs:import_cancel", args=[an_import(run).pk])
    found["runs:build_cancel"] = reverse("runs:build_cancel", args=[build.pk])
    found["runs:build_rebuild"] = reverse("runs:build_rebuild", args=[build.pk])
    for name in ("archive", "delete", "unlabel"):
        found[f"environments:{name}"] = reverse(f"environments:{name}", args=["minimal"])
    for name in ("version_archive", "version_delete", "label", "build", "update_begin"):
        found[f"environments:{name}"] = reverse(f"environments:{name}", args=["minimal", 1])
    found["environments:update_confirm"] = reverse(
        "environments:update_confirm", args=["minimal", an_update(build).pk]
    )
    for name in ("bring", "rename", "delete"):
        found[f"runs:source_{name}"] = reverse(f"runs:source_{name}", args=["ridge & lasso"])
    for name in ("edit", "archive"):
        found[f"runs:experiment_{name}"] = reverse(f"runs:experiment_{name}", args=["ridge"])
    for name in ("test", "enable", "delete", "edit", "pause"):
        found[f"compute:{name}"] = reverse(f"compute:{name}", args=["local"])
    found["runs:leftovers"] = reverse("runs:leftovers", args=["local"])
    for name in ("built_pin", "built_remove"):
        found[f"environments:{name}"] = reverse(f"environments:{name}", args=["local", "k"])
    for name in ("data_edit", "data_delete"):
        found[f"compute:{name}"] = reverse(f"compute:{name}", args=["mnist"])
    found["compute:data_remove"] = reverse("compute:data_remove", args=["local", "mnist"])
    return found


def test_no_page_is_forgotten_here(told: Run, build: Build) -> None:
    known = set(OPEN) | set(FOR_CONTRIBUTORS) | set(pages(told, build)) | set(changes(told, build))
    known |= {"runs:example", "runs:workspace", "compute:create", "compute:data_create"}
    known |= {"runs:credential_remove", "runs:host_forget"}  # tried in tests/gitsources
    known |= {f"environments:index_{part}" for part in ("credentials", "check", "remove")}
    known |= {"runs:secret_delete"}  # tried in test_secrets
    known |= {"compute:registry_remove"}  # tried in test_registries
    known |= {"runs:notices_secret", "runs:notices_test"}
    known |= {"runs:run_changes", "runs:environment_check"}
    known |= {"runs:bulk", "runs:purge", "runs:view_save", "runs:view_change", "runs:view_delete"}
    known |= {f"runs:submit_{part}" for part in ("check", "preflight", "files", "look")}
    there = {
        f"{space}:{name}"
        for space in ("runs", "compute", "environments")
        for name in get_resolver().namespace_dict[space][1].reverse_dict
        if isinstance(name, str)
    }
    assert there == known


@pytest.mark.parametrize("who", ["owner", "member", "viewer"])
def test_members_see_every_page(
    who: str, told: Run, build: Build, request: pytest.FixtureRequest
) -> None:
    visitor: Visitor = request.getfixturevalue(who)
    addresses = [reverse(name) for name in OPEN] + list(pages(told, build).values())
    assert {path: visitor.get(path).status for path in addresses} == dict.fromkeys(addresses, 200)


def test_a_stranger_learns_nothing(stranger: Visitor, told: Run, build: Build) -> None:
    addresses = list(pages(told, build).values())
    assert {path: stranger.get(path).status for path in addresses} == dict.fromkeys(addresses, 404)
    missing = stranger.get("/runs/999999/")
    theirs = stranger.get(f"/runs/{told.pk}/")
    assert missing.text.replace("999999", str(told.pk)) == theirs.text


def test_a_stranger_changes_nothing(stranger: Visitor, told: Run, build: Build) -> None:
    addresses = list(changes(told, build).values())
    assert {path: stranger.post(path).status for path in addresses} == dict.fromkeys(addresses, 404)
    assert Run.objects.filter(pk=told.pk, archived_at=None).exists()
    assert Source.objects.get().name == "ridge & lasso"


def test_a_strangers_own_pages_show_nothing_of_others(stranger: Visitor, told: Run) -> None:
    for name in OPEN:
        page = stranger.get(reverse(name), {"ids": told.pk})
        assert page.status == 200
        assert told.name not in page.text
    assert "local" not in stranger.get(reverse("runs:targets")).text
    assert "mnist" not in stranger.get(reverse("compute:data")).text


def test_a_viewer_changes_nothing(viewer: Visitor, told: Run, build: Build) -> None:
    addresses = list(changes(told, build).values())
    assert {path: viewer.post(path).status for path in addresses} == dict.fromkeys(addresses, 403)
    for name in FOR_CONTRIBUTORS:
        assert viewer.get(reverse(name)).status == 403
    assert viewer.post(reverse("runs:example")).status == 403
    assert viewer.post(reverse("runs:notices_test")).status == 422  # nothing of his own is set
    assert viewer.get(reverse("compute:create")).status == 403
    assert viewer.get(reverse("compute:data_create")).status == 403


def test_a_viewer_is_not_offered_what_is_refused(viewer: Visitor, told: Run) -> None:
    page = viewer.get(f"/runs/{told.pk}/")
    assert "Archive" not in page.text
    assert "Delete" not in page.text
    assert "Run the example" not in viewer.get("/").text
    for path in ("/", "/runs/", "/runs/?q=name:nothing-like-it", f"/runs/{told.pk}/"):
        assert 'href="/submit/' not in viewer.get(path).html, path


def test_a_viewer_of_nothing_is_not_told_to_submit(viewer: Visitor, member: Visitor) -> None:
    assert "Submit one" in member.get("/runs/").text
    page = viewer.get("/runs/")
    assert "No runs yet." in page.text
    assert 'href="/submit/' not in page.html


def test_nobody_signs_in_first(nobody: Visitor, told: Run, build: Build) -> None:
    addresses = [reverse(name) for name in (*OPEN, *FOR_CONTRIBUTORS)]
    addresses += [
        *pages(told, build).values(),
        reverse("compute:create"),
        reverse("compute:data_create"),
    ]
    for path in addresses:
        page = nobody.get(path)
        assert (page.status, page.location.split("?")[0]) == (302, "/sign-in/"), path


def test_what_changes_things_is_never_a_get(member: Visitor, told: Run, build: Build) -> None:
    for name, path in changes(told, build).items():
        if name not in WITH_FORMS:
            assert member.get(path).status == 405, name
    assert member.get(reverse("runs:example")).status == 405
    assert member.get(reverse("runs:notices_secret")).status == 405
    assert member.get(reverse("runs:notices_test")).status == 405
    assert member.get(reverse("runs:workspace")).status == 405


def test_one_changes_to_a_workspace_of_ones_own_only(
    owner: Visitor, stranger: Visitor, member: Visitor, told: Run
) -> None:
    assert member.post("/workspace/", {"workspace": "elsewhere"}).status == 404
    assert told.name in owner.get("/runs/").text
    assert owner.post("/workspace/", {"workspace": "elsewhere"}).status == 302
    assert told.name not in owner.get("/runs/").text
    assert "elsewhere" in owner.get("/runs/").text


def test_a_workspace_that_one_left_is_forgotten(member: Visitor, told: Run) -> None:
    session = member.client.session
    session["workspace"] = "gone"
    session.save()
    assert told.name in member.get("/runs/").text


def test_without_a_workspace_a_sentence_says_what_to_do(nobody: Visitor, alice: object) -> None:
    from tests.factories import make_user

    page = Visitor(make_user("lonely")).get("/")
    assert page.status == 404
    assert "You are in no workspace yet" in page.text
