import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0002_no_country")]

    operations = [
        migrations.AddField("event", "answers_until", models.DateField(blank=True, null=True)),
        migrations.AddField(
            "event",
            "contact",
            models.CharField(blank=True, max_length=120, default=""),
            preserve_default=False,
        ),
        migrations.AddField(
            "event",
            "picture",
            models.CharField(blank=True, max_length=80, default=""),
            preserve_default=False,
        ),
        migrations.AddField("event", "changed_at", models.DateTimeField(default=django.utils.timezone.now)),
        migrations.AddField("event", "archived_at", models.DateTimeField(blank=True, null=True)),
    ]
