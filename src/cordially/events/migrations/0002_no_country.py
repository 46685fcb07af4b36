from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="event",
            name="country",
            field=models.CharField(blank=True, max_length=2),
        ),
    ]
