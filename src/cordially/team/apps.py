from django.apps import AppConfig


class TeamConfig(AppConfig):
    name = "cordially.team"
    default_auto_field = "django.db.models.BigAutoField"
