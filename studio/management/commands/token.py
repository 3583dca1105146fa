"""`manage.py token USER`: a key for REST and the command line."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from studio.models import ApiToken, User
from studio.services import token_create


class Command(BaseCommand):
    """Print a new API token; it is shown this once."""

    help = "Print a new API token of a user; it is shown this once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Whose token, what for, and what it may do."""
        parser.add_argument("user", nargs="?", default="owner")
        parser.add_argument("--name", default="made on the server")
        parser.add_argument("--scope", choices=ApiToken.Scope.values, default=ApiToken.Scope.ADMIN)

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the token."""
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            known = ", ".join(User.objects.values_list("username", flat=True)[:10])
            raise CommandError(f"There is no user '{options['user']}': known are {known}.")
        self.stdout.write(token_create(user=user, name=options["name"], scope=options["scope"]))
