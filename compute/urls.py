"""Addresses that change compute targets; `runs.urls` has the pages that show them."""

from __future__ import annotations

from django.urls import path

from compute import views

app_name = "compute"
urlpatterns = [
    path("new/target/", views.create, name="create"),
    path("targets/<str:name>/edit/", views.edit, name="edit"),
    path("targets/<str:name>/test/", views.test, name="test"),
    path("targets/<str:name>/enable/", views.enable, name="enable"),
    path("targets/<str:name>/delete/", views.delete, name="delete"),
]
