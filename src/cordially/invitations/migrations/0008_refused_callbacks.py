from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invitations", "0007_claimed_texts")]

    operations = [
        migrations.AddField("sender", "refused_count", models.PositiveIntegerField(default=0)),
        migrations.AddField("sender", "refused_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "sender",
            "refused_why",
            models.CharField(blank=True, default="", max_length=500),
            preserve_default=False,
        ),
    ]
