"""Message templates and what Twilio calls them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from .common import Refused, prepared

if TYPE_CHECKING:
    from cordially.invitations.models import MessageTemplate


@click.command("template")
@click.argument("name", required=False, default="")
@click.option("--create", is_flag=True, help="Make it at Twilio and ask WhatsApp for approval.")
@click.option(
    "--content-sid", default="", metavar="HX…", help="It exists at Twilio already, by this reference."
)
@click.option(
    "--body", default="", help="New words, with variables like {{guest_name}}; makes the template if new."
)
@prepared
def template(name: str, create: bool, content_sid: str, body: str) -> None:
    """Show the templates, or tell which of Twilio's contents one stands for.

    \b
    Example:
      cordially template rsvp_invitation --create
    """
    from django.conf import settings

    from cordially.invitations import senders
    from cordially.invitations.models import MessageTemplate

    senders.default_template()
    if not name:
        for each in MessageTemplate.objects.all():
            _show(each)
        return
    if content_sid:
        _check_sid(content_sid)
    found = MessageTemplate.objects.filter(name=name).first()
    if body:
        _check_words(name, body)
        found = found or MessageTemplate(name=name)
        found.body = body
    if found is None:
        raise Refused(f"There is no template “{name}”. --body makes one.")
    if create and not content_sid:
        _create(found)
    else:
        found.save()
    if content_sid:
        senders.name_content(found, senders.account(), content_sid)
    _show(found)
    if not (create or settings.USE_SIMULATOR):
        _show_review(found)


def _show_review(found: MessageTemplate) -> None:
    from cordially import templates_at_provider
    from cordially.invitations import senders
    from cordially.providers.twilio.content import ContentError

    content = found.contents.filter(account=senders.account()).first()
    if content is None:
        return
    try:
        approval = templates_at_provider.review(content.ref)
    except ContentError as error:
        click.echo(f"    Twilio doesn't say how WhatsApp's review stands: {error}")
    else:
        click.echo(f"    WhatsApp's review: {approval.status} {approval.reason}".rstrip())


def _show(found: MessageTemplate) -> None:
    from cordially.invitations import senders

    content = found.contents.filter(account=senders.account()).first()
    click.echo(f"{found.name} ({found.language}, {found.category.lower()})")
    click.echo(f"    {content.ref if content else 'not at Twilio yet: --create or --content-sid'}")
    if content and content.body != found.body:
        click.echo("    its words changed since: the new ones need --create")
    for line in found.body.splitlines():
        click.echo(f"    | {line}")


def _check_words(name: str, body: str) -> None:
    """Whatever stands between braces is a name that can be filled in, or a guest would read the braces."""
    from cordially.invitations import rendering

    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise Refused(f"“{name}” can't name a template: use letters, digits, _ and -.")
    if "{{" in (rest := rendering.VARIABLE.sub("", body)) or "}}" in rest:
        raise Refused(
            "A variable is a name of letters, digits and _ between double braces, like {{guest_name}}. "
            "Something else stands between braces here."
        )


def _check_sid(text: str) -> None:
    if not (
        len(text) == 34 and text.startswith("HX") and all(c in "0123456789abcdefABCDEF" for c in text[2:])
    ):
        raise Refused(f"“{text}” is no ContentSid: those are HX and 32 hexadecimal digits.")


def _create(found: object) -> None:
    from django.conf import settings

    from cordially import templates_at_provider
    from cordially.invitations.models import MessageTemplate
    from cordially.providers.errors import Misconfigured
    from cordially.providers.twilio.content import ContentError

    assert isinstance(found, MessageTemplate)
    try:
        status = templates_at_provider.create(found)
    except (ContentError, Misconfigured) as error:
        if settings.USE_SIMULATOR and isinstance(error, ContentError) and error.fault.code is None:
            raise Refused(
                f"The simulator doesn't answer at {settings.LOCAL_URL}: it runs inside `cordially serve`. "
                "Start that first, with the same PORT."
            ) from error
        raise Refused(str(error)) from error
    click.echo(f"Made at Twilio; WhatsApp's review: {status}. Until it is approved, messages would fail.")
