"""Mounts every app's pages and the API."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

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

_QUEUES = RedirectView.as_view(pattern_name="admin:django_rq_dashboard_changelist")

urlpatterns: list[URLPattern | URLResolver] = [
    # one way in: the admin console's own page would ask for a password that nobody has
    path("admin/login/", RedirectView.as_view(pattern_name="studio:sign_in", query_string=True)),
    # django-rq answers these two to whoever is staff; the page beside them is the owner's
    re_path(r"^admin/django_rq/dashboard/(?:stats\.json|metrics)", _QUEUES),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include(people)),
    path("", include("runs.urls")),
    path("", include("compute.urls")),
    path("", include("environments.urls")),
]
