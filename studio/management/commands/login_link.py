"""`manage.py login_link USER`: a one-time way to sign in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.models import User
from studio.services import login_link_create
from studio.up.greeting import page_urls
from studio.up.record import read_record


class Command(BaseCommand):
    """Print a link that signs one user in once."""

    help = "Print a link that signs one user in once, within an hour."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Who shall sign in."""
        parser.add_argument("user", nargs="?", default="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the link."""
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            known = ", ".join(User.objects.values_list("username", flat=True)[:10])
            raise CommandError(f"There is no user '{options['user']}': known are {known}.")
        record = read_record(settings.DATA_DIR)
        here = page_urls(settings.HOST, settings.PORT, settings.PUBLIC_URL)
        base = (record.pages if record and record.pages else here)[0]
        self.stdout.write(f"{base}login/{login_link_create(user=user)}/")
