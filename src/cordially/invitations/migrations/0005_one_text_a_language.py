from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("invitations", "0004_carry_texts_over"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="campaign",
            name="body",
        ),
        migrations.RemoveField(
            model_name="campaign",
            name="content_ref",
        ),
        migrations.RemoveField(
            model_name="campaign",
            name="event_values",
        ),
        migrations.RemoveField(
            model_name="campaign",
            name="variables",
        ),
        migrations.RemoveField(
            model_name="messagetemplate",
            name="body",
        ),
        migrations.RemoveField(
            model_name="messagetemplate",
            name="language",
        ),
        migrations.DeleteModel(
            name="TemplateContent",
        ),
    ]
