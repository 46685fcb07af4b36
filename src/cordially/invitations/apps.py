from django.apps import AppConfig


class InvitationsConfig(AppConfig):
    name = "cordially.invitations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from cordially.guests.editing import met, number_changed
        from cordially.guests.removal import brought_back, taken_off

        from . import leaving

        taken_off.connect(leaving.cancel, dispatch_uid="invitations")
        brought_back.connect(leaving.restore, dispatch_uid="invitations")
        number_changed.connect(leaving.follow_number, dispatch_uid="invitations")
        met.connect(leaving.call_off, dispatch_uid="invitations")
