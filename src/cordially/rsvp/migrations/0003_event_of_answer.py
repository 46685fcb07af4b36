import django.db.models.deletion
from django.db import migrations, models

_FILL = (
    "UPDATE rsvp_answer SET event_id = (SELECT event_id FROM guests_guest WHERE guests_guest.id = guest_id)"
)


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0003_answers_until"),
        ("guests", "0006_small_indexes"),
        ("rsvp", "0002_entered_by"),
    ]

    operations = [
        migrations.AddField(
            model_name="answer",
            name="event",
            field=models.ForeignKey(
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="answers",
                to="events.event",
            ),
        ),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
    ]
