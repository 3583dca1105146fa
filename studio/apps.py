from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class StudioConfig(AppConfig):
    name = "studio"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from studio import checks  # noqa: F401, PLC0415  (importing it registers the checks)


class ConsoleConfig(SimpleAdminConfig):  # the web process alone loads it: see `studio.urls`
    default_site = "studio.console.OwnerSite"
