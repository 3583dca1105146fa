from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class StudioConfig(AppConfig):
    name = "studio"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from studio import checks  # noqa: F401, PLC0415  (importing it registers the checks)


class ConsoleConfig(AdminConfig):
    default_site = "studio.console.OwnerSite"
