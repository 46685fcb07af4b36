"""Which number messages leave from, and what a template is called at its account."""

from __future__ import annotations

import re

from django.conf import settings

from . import rendering
from .models import MessageTemplate, Sender, TemplateContent

#: the account and number of the built-in simulator
SIMULATOR_ACCOUNT = "AC" + "0" * 32
SIMULATOR_PHONE = "+15550100000"

DEFAULT_TEMPLATE = "rsvp_invitation"
DEFAULT_BODY = (
    "Dear {{guest_name}},\n\n"
    "with joy in our hearts we invite you to *{{event_name}}*.\n\n"
    "When: {{event_date}}\n"
    "Where: {{event_location}}\n\n"
    "Please tell us on your own page whether you can come: {{rsvp_link}}\n\n"
    "We look forward to celebrating with you."
)


class NotReady(Exception):
    """Something must be set up before anything can be sent; the message says what and how."""


def account() -> str:
    """The provider account in use."""
    return SIMULATOR_ACCOUNT if settings.USE_SIMULATOR else str(settings.TWILIO_ACCOUNT_SID)


def sender_phone() -> str:
    """E.164 of the configured number. Raises NotReady when there is none, or when it is no number."""
    if settings.USE_SIMULATOR:
        return SIMULATOR_PHONE
    number = settings.TWILIO_WHATSAPP_FROM.removeprefix("whatsapp:").strip()
    if not re.fullmatch(r"\+[1-9]\d{6,14}", number):
        raise NotReady(
            "TWILIO_WHATSAPP_FROM must hold your WhatsApp sender, like whatsapp:+14155238886; "
            f"now it is {'empty' if not number else 'not such a number'}."
        )
    return number


def current_sender() -> Sender:
    """The sender that the configuration names; its row is made at first need."""
    if not account():
        raise NotReady("TWILIO_ACCOUNT_SID is empty: set it together with TWILIO_AUTH_TOKEN.")
    sender, _ = Sender.objects.get_or_create(
        account=account(),
        phone=sender_phone(),
        # nobody at the simulator is bothered by a fast first hour
        defaults={"per_hour": None, "name": "Simulator"} if settings.USE_SIMULATOR else {},
    )
    return sender


def default_template() -> MessageTemplate:
    """The template that is chosen when nobody chooses; made at first need."""
    template, _ = MessageTemplate.objects.get_or_create(
        name=DEFAULT_TEMPLATE, defaults={"body": DEFAULT_BODY}
    )
    return template


def require_public_url() -> None:
    """Real guests get links to it, and Twilio reports to it. Raises NotReady when it isn't configured."""
    real = not (settings.USE_SIMULATOR or settings.TWILIO_API_URL)
    if real and not settings.PUBLIC_URL:
        raise NotReady(
            "CORDIALLY_PUBLIC_URL is not set: the guests' links would lead nowhere, and Twilio could not "
            "report back. Set it to the https address at which this server is reached."
        )


def content_of(template: MessageTemplate, account: str) -> TemplateContent:
    """What stands for the template at that account. Raises NotReady when the account doesn't know it."""
    content = TemplateContent.objects.filter(template=template, account=account).first()
    if content is None:
        raise NotReady(
            f"Twilio doesn't know the template “{template.name}” yet. "
            f"`cordially template {template.name} --create` makes it and asks for approval; "
            f"`cordially template {template.name} --content-sid HX…` names one that exists."
        )
    return content


def words_of(template: MessageTemplate) -> str:
    """The text that would be sent now: as the account in use knows it, else as it is written here."""
    content = template.contents.filter(account=account()).first()
    return content.body if content else template.body


def name_content(template: MessageTemplate, account: str, ref: str) -> TemplateContent:
    """Remember that the account calls this template `ref`, with the text that it has now."""
    content, _ = TemplateContent.objects.update_or_create(
        template=template,
        account=account,
        defaults={"ref": ref, "body": template.body, "variables": list(rendering.variables(template.body))},
    )
    return content
