from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("runs", "0012_held_up")]

    operations = [
        migrations.AlterModelOptions(
            name="gpuloan", options={"ordering": ("id",), "verbose_name": "GPU loan"}
        ),
    ]
