from django.apps import AppConfig


class RsvpConfig(AppConfig):
    name = "cordially.rsvp"
    default_auto_field = "django.db.models.BigAutoField"
