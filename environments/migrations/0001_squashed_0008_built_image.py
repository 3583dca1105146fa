"""All tables of a new database at once; one that is there goes on by the migrations replaced."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('environments', '0001_initial'),
        ('environments', '0002_builds'),
        ('environments', '0003_versions'),
        ('environments', '0004_build_life'),
        ('environments', '0005_images'),
        ('environments', '0006_kinds'),
        ('environments', '0007_package_index'),
        ('environments', '0008_built_image'),
    ]

    initial = True

    dependencies = [
        ('compute', '0005_registrylogin'),
        ('studio', '0003_workspace_secrets'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Environment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100)),
                ('description', models.TextField(blank=True)),
                ('origin', models.CharField(choices=[('curated', 'curated'), ('own', 'own'), ('folder', "from a folder's requirements.txt")], default='own', max_length=16)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('archived_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='environments', to='studio.workspace')),
                ('last_number', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ('name',),
                'constraints': [models.UniqueConstraint(fields=('workspace', 'name'), name='one_environment_a_name')],
            },
        ),
        migrations.CreateModel(
            name='EnvironmentVersion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('spec', models.JSONField()),
                ('spec_digest', models.CharField(max_length=64)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('environment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='environments.environment')),
                ('archived_at', models.DateTimeField(blank=True, null=True)),
                ('updates', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='environments.environmentversion')),
                ('based_on', models.CharField(blank=True, max_length=120)),
            ],
            options={
                'ordering': ('-number',),
                'constraints': [models.UniqueConstraint(fields=('environment', 'number'), name='one_version_a_number')],
            },
        ),
        migrations.CreateModel(
            name='VersionLabel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=50)),
                ('moved_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('environment', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='labels', to='environments.environment')),
                ('moved_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='labels', to='environments.environmentversion')),
            ],
            options={
                'ordering': ('name',),
                'constraints': [models.UniqueConstraint(fields=('environment', 'name'), name='one_label_a_name')],
            },
        ),
        migrations.CreateModel(
            name='Lock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('python_version', models.CharField(max_length=16)),
                ('platform', models.CharField(max_length=64)),
                ('text', models.TextField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='locks', to='environments.environmentversion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('version', 'python_version', 'platform'), name='one_lock_a_platform')],
            },
        ),
        migrations.CreateModel(
            name='LockUpdate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('ready', 'ready'), ('failed', 'failed'), ('applied', 'applied')], default='queued', max_length=16)),
                ('locks', models.JSONField(default=list)),
                ('error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('lease_token', models.CharField(blank=True, max_length=32)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('made', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='environments.environmentversion')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lock_updates', to='environments.environmentversion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['queued', 'running'])), fields=('version',), name='one_live_update_a_version')],
            },
        ),
        migrations.CreateModel(
            name='BaseImage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reference', models.CharField(max_length=512)),
                ('image', models.CharField(max_length=80)),
                ('address', models.CharField(blank=True, max_length=512)),
                ('facts', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='base_images', to='compute.computetarget')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='base_images', to='environments.environmentversion')),
            ],
            options={
                'ordering': ('-id',),
                'constraints': [models.UniqueConstraint(fields=('version', 'target', 'reference'), name='one_image_a_reference')],
            },
        ),
        migrations.CreateModel(
            name='Build',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64)),
                ('status', models.CharField(choices=[('queued', 'queued'), ('running', 'running'), ('ready', 'ready'), ('failed', 'failed'), ('canceled', 'canceled')], default='queued', max_length=16)),
                ('is_current', models.BooleanField(default=True)),
                ('handle', models.JSONField(blank=True, null=True)),
                ('error', models.TextField(blank=True)),
                ('cancel_requested_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('lease_token', models.CharField(blank=True, max_length=32)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('receipt', models.JSONField(blank=True, null=True)),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='builds', to='compute.computetarget')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='builds', to='environments.environmentversion')),
                ('lock', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='builds', to='environments.lock')),
                ('key_parts', models.JSONField(default=dict)),
                ('base_key', models.CharField(blank=True, max_length=64)),
                ('cause', models.TextField(blank=True)),
                ('generation', models.PositiveIntegerField(default=0)),
                ('on_studio', models.BooleanField(default=False)),
                ('secret_values', models.JSONField(default=dict)),
            ],
            options={
                'ordering': ('-id',),
                'indexes': [models.Index(fields=['target', 'base_key'], name='build_base_key')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('is_current', True)), fields=('target', 'key'), name='one_current_build_a_key')],
            },
        ),
        migrations.CreateModel(
            name='BuildOrder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_rebuild', models.BooleanField(default=False)),
                ('error', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('build', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='orders', to='environments.build')),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='build_orders', to='compute.computetarget')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='orders', to='environments.environmentversion')),
            ],
            options={
                'ordering': ('-id',),
            },
        ),
        migrations.CreateModel(
            name='BuiltEnvironment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64)),
                ('kind', models.CharField(choices=[('folder', 'folder'), ('image', 'image')], default='folder', max_length=8)),
                ('size_bytes', models.BigIntegerField(null=True)),
                ('used_at', models.DateTimeField(null=True)),
                ('used_by', models.JSONField(default=list)),
                ('is_pinned', models.BooleanField(default=False)),
                ('fault', models.TextField(blank=True)),
                ('verified_at', models.DateTimeField(blank=True, null=True)),
                ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('target', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='built', to='compute.computetarget')),
                ('image', models.CharField(blank=True, max_length=80)),
            ],
            options={
                'ordering': ('-used_at',),
                'constraints': [models.UniqueConstraint(fields=('target', 'key'), name='one_built_a_key')],
            },
        ),
        migrations.CreateModel(
            name='PackageIndex',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('url', models.CharField(max_length=1000)),
                ('extra_urls', models.JSONField(default=list)),
                ('usernames', models.JSONField(default=dict)),
                ('passwords', models.JSONField(default=dict)),
                ('authority', models.TextField(blank=True)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('changed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='package_index', to='studio.workspace')),
            ],
        ),
    ]
