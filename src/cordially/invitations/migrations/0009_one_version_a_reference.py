"""A reference at an account stands for one version, and what was asked for is kept beside WhatsApp's answer."""

from django.db import migrations, models


def keep_the_newest(apps, schema_editor):
    """The host's last word on a reference; what loses it is a draft again, and compared when it is adopted."""
    versions = apps.get_model("invitations", "TemplateVersion").objects
    seen = set()
    for pk, *named in versions.order_by("-pk").values_list("pk", "account", "ref"):
        if tuple(named) in seen:
            versions.filter(pk=pk).delete()
        seen.add(tuple(named))


class Migration(migrations.Migration):
    dependencies = [("invitations", "0008_refused_callbacks")]

    operations = [
        migrations.AddField(
            "templateversion",
            "asked_category",
            models.CharField(
                blank=True,
                choices=[("MARKETING", "Marketing"), ("UTILITY", "Utility")],
                default="",
                max_length=20,
            ),
            preserve_default=False,
        ),
        migrations.RunPython(keep_the_newest, migrations.RunPython.noop),
        migrations.AddConstraint(
            "templateversion",
            models.UniqueConstraint(fields=("account", "ref"), name="template_version_ref_once"),
        ),
    ]
