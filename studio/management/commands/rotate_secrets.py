"""`manage.py rotate_secrets`: encrypt everything with a new key, and forget the old one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from studio.lib.env import env_text
from studio.lib.secret_key import key_from_file, key_renew, older_keys, older_keys_forget
from studio.services.rotation import Rotation, secrets_rotate
from studio.up.record import lock_data_dir


class Command(BaseCommand):
    """Rotate the key of the instance; may be ended at any point and called again."""

    help = (
        "Encrypt every stored secret with a new key. With a key file the new key is made here, "
        "while the studio is down; with RUNYARD_SECRET_KEY set it to the new key first, and "
        "RUNYARD_SECRET_KEY_FALLBACKS to the old one. Call it again if it was interrupted."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what may be forgotten now."""
        keys = self._keys()
        done = secrets_rotate(keys=keys)
        self.stdout.write(f"{done.renewed} secrets were encrypted anew.")
        if done.unreadable:
            raise CommandError(_unreadable(done))
        if env_text("RUNYARD_SECRET_KEY"):
            self.stdout.write("RUNYARD_SECRET_KEY_FALLBACKS can be removed now.")
        older_keys_forget(settings.DATA_DIR / "secret.key")

    def _keys(self) -> list[str]:
        """The key to encrypt with, then those that read what is there.

        Raises:
            CommandError: a new key is needed while the studio runs with the old one.
        """
        path = settings.DATA_DIR / "secret.key"
        if env_text("RUNYARD_SECRET_KEY"):
            return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
        held = lock_data_dir(settings.DATA_DIR)
        if held is None:
            raise CommandError(
                "The studio runs with the key that is to be replaced: stop it with "
                "'manage.py down', rotate, and start it again. Runs go on meanwhile."
            )
        with held:
            if not older_keys(path) or key_from_file(path) in older_keys(path):
                key_renew(path)
            return [key_from_file(path), *older_keys(path), *settings.SECRET_KEY_FALLBACKS]


def _unreadable(done: Rotation) -> str:
    rows = "; ".join(
        f"{label} {', '.join(map(str, sorted(set(found))[:10]))}"
        + (" and more" if len(set(found)) > 10 else "")
        for label, found in done.unreadable.items()
    )
    return (
        f"None of the keys reads what these rows hold: {rows}. Give the key that they were made "
        "with in RUNYARD_SECRET_KEY_FALLBACKS, or delete them in the admin console, and call this "
        "again. The old keys are kept until then."
    )
