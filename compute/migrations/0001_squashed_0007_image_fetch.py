"""All tables of a new database at once; one that is there goes on by the migrations replaced."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('compute', '0001_initial'),
        ('compute', '0002_gpus_and_data'),
        ('compute', '0003_pauses'),
        ('compute', '0004_environment_room'),
        ('compute', '0005_registrylogin'),
        ('compute', '0006_health_changes'),
        ('compute', '0007_image_fetch'),
    ]

    initial = True

    dependencies = [
        ('studio', '0002_people'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ComputeTarget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64)),
                ('kind', models.CharField(max_length=16)),
                ('config', models.JSONField(default=dict)),
                ('slots', models.PositiveIntegerField(default=1)),
                ('build_slots', models.PositiveIntegerField(default=1)),
                ('enabled', models.BooleanField(default=True)),
                ('open_to_members', models.BooleanField(default=False)),
                ('health', models.CharField(choices=[('unknown', 'not checked yet'), ('ready', 'ready'), ('unreachable', 'unreachable'), ('faulty', 'needs attention')], default='unknown', max_length=16)),
                ('health_reason', models.TextField(blank=True)),
                ('health_at', models.DateTimeField(blank=True, null=True)),
                ('unreachable_since', models.DateTimeField(blank=True, null=True)),
                ('facts', models.JSONField(default=dict)),
                ('monitor_token', models.CharField(blank=True, max_length=32)),
                ('monitor_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='targets', to='studio.workspace')),
                ('declared_gpus', models.JSONField(blank=True, null=True)),
                ('draining', models.BooleanField(default=False)),
                ('paused_at', models.DateTimeField(blank=True, null=True)),
                ('paused_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('environments_gib', models.PositiveIntegerField(default=20)),
                ('environments_stock', models.JSONField(default=dict)),
                ('image_fetch', models.JSONField(default=dict)),
                ('image_fetch_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ('name',),
                'constraints': [models.UniqueConstraint(fields=('workspace', 'name'), name='one_target_a_name')],
            },
        ),
        migrations.CreateModel(
            name='HealthChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('health', models.CharField(choices=[('unknown', 'not checked yet'), ('ready', 'ready'), ('unreachable', 'unreachable'), ('faulty', 'needs attention')], max_length=16)),
                ('reason', models.TextField(blank=True)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='health_changes', to='compute.computetarget')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='RegistryLogin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('host', models.CharField(max_length=255)),
                ('username', models.CharField(max_length=255)),
                ('secret', models.TextField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='registry_logins', to='studio.workspace')),
            ],
            options={
                'ordering': ('host',),
                'constraints': [models.UniqueConstraint(fields=('workspace', 'host'), name='one_login_a_registry')],
            },
        ),
        migrations.CreateModel(
            name='NamedData',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=64)),
                ('variable', models.CharField(max_length=80)),
                ('description', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='data', to='studio.workspace')),
            ],
            options={
                'verbose_name_plural': 'named data',
                'ordering': ('name',),
                'constraints': [models.UniqueConstraint(fields=('workspace', 'variable'), name='one_data_a_variable')],
            },
        ),
        migrations.CreateModel(
            name='DataPath',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('path', models.CharField(max_length=1000)),
                ('kind', models.CharField(blank=True, max_length=8)),
                ('complaint', models.TextField(blank=True)),
                ('checked_at', models.DateTimeField(blank=True, null=True)),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='data_paths', to='compute.computetarget')),
                ('data', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='paths', to='compute.nameddata')),
            ],
            options={
                'ordering': ('data__name', 'target__name'),
                'constraints': [models.UniqueConstraint(fields=('data', 'target'), name='one_path_a_data_and_target')],
            },
        ),
    ]
