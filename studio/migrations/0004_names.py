from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("studio", "0003_workspace_secrets")]

    operations = [
        migrations.AlterModelOptions(
            name="apitoken", options={"verbose_name": "API token"}
        ),
    ]
