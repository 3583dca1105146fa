"""Addresses of named data, and those that change targets; `runs.urls` has the pages of targets."""

from __future__ import annotations

from django.urls import path

from compute import registryviews, views

app_name = "compute"
urlpatterns = [
    path("new/target/", views.create, name="create"),
    path("targets/<str:name>/edit/", views.edit, name="edit"),
    path("targets/<str:name>/test/", views.test, name="test"),
    path("targets/<str:name>/enable/", views.enable, name="enable"),
    path("targets/<str:name>/pause/", views.pause, name="pause"),
    path("targets/<str:name>/delete/", views.delete, name="delete"),
    path("targets/<str:name>/data/<str:data_name>/remove/", views.data_remove, name="data_remove"),
    path("registries/", registryviews.registries, name="registries"),
    path("registries/<str:host>/remove/", registryviews.remove, name="registry_remove"),
    path("data/", views.data, name="data"),
    path("new/data/", views.data_create, name="data_create"),
    path("data/<str:name>/edit/", views.data_edit, name="data_edit"),
    path("data/<str:name>/delete/", views.data_forget, name="data_delete"),
]
