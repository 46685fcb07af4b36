"""Before there were teams, everybody who could sign in could do everything: they keep it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import migrations


def give_everything(apps: Any, schema_editor: Any) -> None:
    events = apps.get_model("events", "Event")
    users = apps.get_model(*settings.AUTH_USER_MODEL.split("."))
    memberships = apps.get_model("team", "Membership")
    everybody = users.objects.filter(is_superuser=False, is_active=True).values_list("pk", flat=True)
    memberships.objects.bulk_create(
        [
            memberships(event_id=event, user_id=user, role="owner", can_send=True)
            for event in events.objects.values_list("pk", flat=True)
            for user in everybody
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("team", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [migrations.RunPython(give_everything, migrations.RunPython.noop)]
