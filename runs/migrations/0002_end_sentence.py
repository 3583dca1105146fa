"""Runs say themselves why they ended; those that ended before get it from their history."""

from django.db import migrations, models
from django.db.models import OuterRef, Subquery

FINAL = ("completed", "failed", "canceled")


def from_history(apps, schema_editor):
    events = apps.get_model("runs", "RunEvent").objects.filter(
        run=OuterRef("pk"), new_status__in=FINAL
    )
    ended = apps.get_model("runs", "Run").objects.filter(status__in=FINAL, events__new_status__in=FINAL)
    apps.get_model("runs", "Run").objects.filter(pk__in=ended.values("pk")).update(
        end_sentence=Subquery(events.order_by("-pk").values("text")[:1])
    )


class Migration(migrations.Migration):
    dependencies = [("runs", "0001_initial")]

    operations = [
        migrations.AddField("run", "end_sentence", models.TextField(blank=True)),
        migrations.RunPython(from_history, migrations.RunPython.noop, elidable=True),
    ]
