"""Message templates and what Twilio calls them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from .common import Refused, prepared

if TYPE_CHECKING:
    from cordially.invitations.library import Standing
    from cordially.invitations.models import MessageTemplate, TemplateText


@click.command("template")
@click.argument("name", required=False, default="")
@click.option("--create", is_flag=True, help="Make it at Twilio and ask WhatsApp for approval.")
@click.option(
    "--content-sid", default="", metavar="HX…", help="It exists at Twilio already, by this reference."
)
@click.option(
    "--body", default="", help="New words, with variables like {{guest_name}}; makes the template if new."
)
@click.option(
    "--language",
    default="",
    help="Which of its texts is meant, like he or pt_BR; all of them (--create) or the fallback when left out.",
)
@prepared
def template(name: str, create: bool, content_sid: str, body: str, language: str) -> None:
    """Show the templates, write one, have it approved, or tell which of Twilio's contents it stands for.

    \b
    Example:
      cordially template rsvp_invitation --create
    """
    from cordially.invitations import library
    from cordially.invitations.models import MessageTemplate

    library.default_template()
    if not name:
        for each in MessageTemplate.objects.filter(archived_at=None):
            _show(each)
        return
    if content_sid:
        _check_sid(content_sid)
    found = MessageTemplate.objects.filter(name=name).first()
    code = _language(language)
    if body:
        found = _write(found, name, code, body)
    if found is None:
        raise Refused(f"There is no template “{name}”. --body makes one.")
    if content_sid:
        _adopt(_text(found, code), content_sid)
    elif create:
        _create(found, code)
    _show(found)


def _language(text: str) -> str:
    from cordially.templating import languages

    if not text:
        return ""
    if not (code := languages.normal(text)):
        raise Refused(f"WhatsApp has no templates in “{text}”. Write a language like en, he or pt_BR.")
    return code


def _write(found: MessageTemplate | None, name: str, language: str, body: str) -> MessageTemplate:
    """Keep the words as a draft, and say what WhatsApp would refuse. Raises Refused where guests would read braces."""
    from cordially.invitations import library
    from cordially.templating import rules, variables
    from cordially.templating.components import Components

    if problems := rules.check_name(name):
        raise Refused(f"{problems[0].sentence} {problems[0].cure}")
    code = language or (found.fallback_language if found else "") or "en"
    old = found.texts.filter(language=code).first() if found else None
    components = replace(old.components, body=body) if old else Components(body)
    category = found.category if found else "MARKETING"
    # nobody knows yet which list it will be sent to: any name may be one of its columns
    names = {slot.name for slot in components.slots} | variables.NAMES
    findings = rules.check(components, known=names, category=category, language=code)
    for finding in findings:
        if finding.rule in rules.BRACES:
            raise Refused(
                f"{finding.sentence} {finding.cure} A variable is a name of letters, digits and _ between double "
                "braces, like {{guest_name}}."
            )
    for finding in findings:
        if finding.level == rules.Level.ERROR:
            click.echo(f"To mend before WhatsApp is asked: {finding.sentence} {finding.cure}", err=True)
    if found is None:
        title = name.replace("_", " ").replace("-", " ").capitalize()
        return library.create(title, {code: components}, name=name)
    library.save_text(found, code, components)
    return found


def _text(found: MessageTemplate, language: str) -> TemplateText:
    code = language or found.fallback_language
    text = found.texts.filter(language=code).first() or (None if language else found.texts.first())
    if text is None:
        known = ", ".join(found.texts.values_list("language", flat=True))
        raise Refused(
            f"The template “{found.name}” has no text in {code or 'any language'}. It has: {known}."
        )
    return text


def _show(found: MessageTemplate) -> None:
    from cordially.invitations import library, senders

    click.echo(f"{found.name} ({found.get_category_display().lower()})  {found.title}")
    for standing in library.standings(found, senders.account_of(None)):
        _show_text(standing, standing.text.language == found.fallback_language)


def _show_text(standing: Standing, is_fallback: bool) -> None:
    version = standing.newest
    mark = ", read by everybody without a text of their own" if is_fallback else ""
    click.echo(f"  {standing.text.language}{mark}")
    if version is None:
        click.echo("    not at Twilio yet: --create or --content-sid")
    else:
        said = f": {version.reason}" if version.reason else ""
        click.echo(
            f"    {version.ref}  version {version.number}, {version.get_state_display().lower()}{said}"
        )
        if standing.is_draft:
            click.echo("    it was changed since: --create asks for what is written now")
    for line in standing.text.body.splitlines():
        click.echo(f"    | {line}")


def _check_sid(text: str) -> None:
    if not (
        len(text) == 34 and text.startswith("HX") and all(c in "0123456789abcdefABCDEF" for c in text[2:])
    ):
        raise Refused(f"“{text}” is no ContentSid: those are HX and 32 hexadecimal digits.")


def _adopt(text: TemplateText, ref: str) -> None:
    from cordially import approvals
    from cordially.invitations import senders

    try:
        approvals.adopt(text, ref, senders.account_of(None))
    except approvals.CantHandIn as error:
        raise Refused(str(error)) from error


def _create(found: MessageTemplate, language: str) -> None:
    """Hand in what WhatsApp doesn't have yet: one text, or all of them."""
    from django.conf import settings

    from cordially import approvals
    from cordially.invitations import library, senders
    from cordially.providers.errors import Misconfigured
    from cordially.providers.twilio.content import ContentError

    text = _text(found, language) if language else None
    account = senders.account_of(None)
    made = []
    for standing in library.standings(found, account):
        if (text and standing.text != text) or (standing.newest and not standing.is_draft and not text):
            continue
        try:
            version = approvals.hand_in(standing.text, account=account)
        except approvals.CantHandIn as error:
            raise Refused(f"{standing.text.language}: {error}") from error
        except (ContentError, Misconfigured) as error:
            if senders.is_simulated(account) and isinstance(error, ContentError) and error.fault.code is None:
                raise Refused(
                    f"The simulator doesn't answer at {settings.LOCAL_URL}: it runs inside `cordially serve`. "
                    "Start that first, with the same PORT."
                ) from error
            raise Refused(str(error)) from error
        made.append(version)
    for version in made:
        with suppress(ContentError):
            approvals.ask(version)  # it may be decided at once
        version.refresh_from_db()
        click.echo(
            f"Made at Twilio in {version.text.language}; WhatsApp's review: {version.state}. "
            "Until it is approved, nothing is sent with it."
        )
