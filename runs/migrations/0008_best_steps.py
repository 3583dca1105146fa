"""A series says where its best values were, and its shape; those that are there look at their points."""

from django.db import migrations, models

from runs.metrics import outline_stride


def from_points(apps, schema_editor):
    every = apps.get_model("runs", "MetricSeries").objects
    if not every.exists():
        return
    import numpy as np  # every start looks at the migrations; its threads do not survive a fork

    for series in every.iterator():
        chunks = series.chunks.order_by("index").values_list("points", flat=True)
        points = np.frombuffer(b"".join(map(bytes, chunks)), dtype="<f8").reshape(-1, 3)
        values = points[:, 2]
        series.outline = values[:: outline_stride(len(values))].astype("<f4").tobytes()
        points = points[np.isfinite(values)]
        if len(points):
            series.minimum_step = points[np.argmin(points[:, 2]), 0]
            series.maximum_step = points[np.argmax(points[:, 2]), 0]
        series.save(update_fields=["minimum_step", "maximum_step", "outline"])


class Migration(migrations.Migration):
    dependencies = [("runs", "0007_lists")]

    operations = [
        migrations.AddField("metricseries", "minimum_step", models.FloatField(null=True)),
        migrations.AddField("metricseries", "maximum_step", models.FloatField(null=True)),
        migrations.AddField("metricseries", "outline", models.BinaryField(default=b"")),
        migrations.RunPython(from_points, migrations.RunPython.noop, elidable=True),
    ]
