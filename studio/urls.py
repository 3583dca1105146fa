"""Mounts every app's pages and the API."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from studio.api_root import api
from studio.pages import server_error
from studio.views import account, people, signing

pages = (
    [
        path("sign-in/", signing.sign_in, name="sign_in"),
        path("sign-out/", signing.sign_out, name="sign_out"),
        path("login/<str:token>/", signing.login_link, name="login_link"),
        path("healthz", signing.health, name="health"),
        path("welcome/", account.welcome, name="welcome"),
        path("account/", account.account, name="account"),
        path("account/password/", account.password, name="password"),
        path("account/tokens/", account.token_create, name="token_create"),
        path("account/tokens/<int:token_id>/revoke/", account.revoke, name="token_revoke"),
        path("people/", people.people, name="people"),
        path("people/<str:name>/role/", people.role, name="person_role"),
        path("people/<str:name>/link/", people.link, name="person_link"),
        path("people/<str:name>/remove/", people.remove, name="person_remove"),
    ],
    "studio",
)

admin.autodiscover()
handler500 = server_error
_QUEUES = RedirectView.as_view(pattern_name="admin:django_rq_dashboard_changelist")

urlpatterns: list[URLPattern | URLResolver] = [
    # one way in: the admin console's own page knows no links
    path("admin/login/", RedirectView.as_view(pattern_name="studio:sign_in", query_string=True)),
    # django-rq answers these two to whoever is staff; the page beside them is the owner's
    re_path(r"^admin/django_rq/dashboard/(?:stats\.json|metrics)", _QUEUES),
    path("admin/", admin.site.urls),
    path("api/v1/", api.urls),
    path("", include(pages)),
    path("", include("runs.urls")),
    path("", include("compute.urls")),
    path("", include("environments.urls")),
]
