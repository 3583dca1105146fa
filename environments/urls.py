"""Addresses of environments."""

from __future__ import annotations

from django.urls import path

from environments import builtviews, indexviews, views
from environments import version_views as versions

_ONE = "environments/<str:name>"
_VERSION = f"{_ONE}/<int:number>"
_BUILT = "targets/<str:name>/environments/<str:key>"
_UPDATE = f"{_ONE}/updates/<int:update_id>"

app_name = "environments"
urlpatterns = [
    path("environments/", views.listed, name="list"),
    path("package-index/", indexviews.index, name="index"),
    path("package-index/credentials/", indexviews.credentials, name="index_credentials"),
    path("package-index/check/", indexviews.check, name="index_check"),
    path("package-index/remove/", indexviews.remove, name="index_remove"),
    path(f"{_BUILT}/pin/", builtviews.pin, name="built_pin"),
    path(f"{_BUILT}/remove/", builtviews.remove, name="built_remove"),
    path("compare/environments/", versions.compare, name="compare"),
    path(f"{_ONE}/", views.detail, name="detail"),
    path(f"{_ONE}/archive/", versions.archive, name="archive"),
    path(f"{_ONE}/delete/", versions.delete, name="delete"),
    path(f"{_ONE}/unlabel/", versions.unlabel, name="unlabel"),
    path(f"{_VERSION}/", views.detail, name="version"),
    path(f"{_VERSION}/archive/", versions.archive, name="version_archive"),
    path(f"{_VERSION}/delete/", versions.delete, name="version_delete"),
    path(f"{_VERSION}/build/", versions.build, name="build"),
    path(f"{_VERSION}/label/", versions.label, name="label"),
    path(f"{_VERSION}/locks/<int:lock_id>/", versions.lock, name="lock"),
    path(f"{_VERSION}/update/", versions.update_begin, name="update_begin"),
    path(f"{_UPDATE}/", versions.update, name="update"),
    path(f"{_UPDATE}/live/", versions.update_live, name="update_live"),
    path(f"{_UPDATE}/confirm/", versions.update_confirm, name="update_confirm"),
]
