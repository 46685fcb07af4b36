import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    # apart from what fills the column: PostgreSQL alters no table that was written to in the same transaction
    dependencies = [("rsvp", "0003_event_of_answer")]

    operations = [
        migrations.AlterField(
            model_name="answer",
            name="event",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="answers",
                to="events.event",
            ),
        ),
        migrations.AddIndex(
            model_name="answer",
            index=models.Index(
                condition=models.Q(("is_current", True)),
                fields=["event", "reply", "heads"],
                name="answer_by_event",
            ),
        ),
    ]
