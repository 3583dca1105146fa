"""Addresses of environments."""

from __future__ import annotations

from django.urls import path

from environments import views

app_name = "environments"
urlpatterns = [
    path("environments/", views.listed, name="list"),
    path("new/environment/", views.create, name="create"),
    path("environments/<str:name>/", views.detail, name="detail"),
]
