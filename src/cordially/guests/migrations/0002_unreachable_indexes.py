from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("guests", "0001_initial")]

    operations = [
        migrations.AddIndex(
            "guest", models.Index(condition=Q(("phone", "")), fields=["event"], name="guest_without_phone")
        ),
        migrations.AddIndex(
            "guest",
            models.Index(
                condition=Q(("opted_out_at__isnull", False)), fields=["event"], name="guest_opted_out"
            ),
        ),
    ]
