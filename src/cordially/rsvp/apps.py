from django.apps import AppConfig


class RsvpConfig(AppConfig):
    name = "cordially.rsvp"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from cordially.guests.removal import brought_back, taken_off

        from . import leaving

        taken_off.connect(leaving.set_aside, dispatch_uid="rsvp")
        brought_back.connect(leaving.restore, dispatch_uid="rsvp")
