"""Mounts every app's pages and the API."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from studio import views
from studio.api_root import api

people = (
    [
        path("sign-in/", views.sign_in, name="sign_in"),
        path("sign-out/", views.sign_out, name="sign_out"),
        path("login/<str:token>/", views.login_link, name="login_link"),
        path("healthz", views.health, name="health"),
    ],
    "studio",
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include(people)),
    path("", include("runs.urls")),
    path("", include("compute.urls")),
    path("", include("environments.urls")),
]
