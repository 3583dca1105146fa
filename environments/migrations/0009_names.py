from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("environments", "0008_built_image")]

    operations = [
        migrations.AlterModelOptions(
            name="packageindex", options={"verbose_name_plural": "package indexes"}
        ),
    ]
