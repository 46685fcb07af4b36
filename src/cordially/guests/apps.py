from django.apps import AppConfig


class GuestsConfig(AppConfig):
    name = "cordially.guests"
    default_auto_field = "django.db.models.BigAutoField"
