"""What is configured, what is missing, and whether both directions of the line to Twilio work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import click

from cordially.setup import SetupError, check_writable

from .common import NOT_DONE, prepared


@dataclass(frozen=True)
class Finding:
    """One line of the report. `ok` None: worth knowing, nothing wrong."""

    ok: bool | None
    text: str


@click.command("doctor")
@prepared
def doctor() -> None:
    """Check the installation: settings, database, Twilio, and whether callbacks can reach the public address.

    Exit code 0 when nothing is wrong, 1 otherwise.

    \b
    Example:
      cordially doctor
    """
    findings = [*_local()]
    if all(finding.ok for finding in findings):
        findings += _sending()
        findings += _added()
    findings += asyncio.run(_lines())
    for finding in findings:
        mark = {True: "ok   ", False: "WRONG", None: "note "}[finding.ok]
        click.echo(f"{mark}  {finding.text}")
    if any(finding.ok is False for finding in findings):
        raise SystemExit(NOT_DONE)


def _local() -> Iterator[Finding]:
    from django.conf import settings
    from django.db import connection

    yield Finding(True, f"The data folder {settings.DATA_DIR} can be written.")
    try:
        check_writable()
    except SetupError as error:
        yield Finding(False, str(error))
    else:
        yield Finding(True, f"The database answers ({connection.vendor}), and has all its tables.")


def _sending() -> Iterator[Finding]:
    from django.conf import settings

    from cordially.invitations import senders

    if settings.USE_SIMULATOR:
        yield Finding(None, "Twilio is simulated: no credentials are set. Messages go nowhere.")
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_WHATSAPP_FROM"):
        if not settings.USE_SIMULATOR:
            given = bool(getattr(settings, name))
            yield Finding(given, f"{name} is {'set' if given else 'missing'}.")
    if not _is_configured():
        return
    if settings.TWILIO_API_URL:
        yield Finding(
            None, f"TWILIO_API_URL sends everything to {settings.TWILIO_API_URL} instead of Twilio."
        )
    try:
        sender = senders.current_sender()
    except senders.NotReady as error:
        yield Finding(None if settings.USE_SIMULATOR else False, str(error))
        return
    if sender.paused_reason:
        yield Finding(
            False, f"The sender is paused: {sender.paused_reason} `cordially sender --resume` goes on."
        )
    yield Finding(True, f"The sender {sender.phone} is known.")
    yield from _templates(sender.account)


def _added() -> Iterator[Finding]:
    """The senders whose credentials were entered in the browser."""
    from cordially import connection
    from cordially.invitations import senders
    from cordially.invitations.models import Account, Sender, SenderState

    kept = Account.objects.exclude(sid=senders.account()).values("sid")
    for sender in Sender.objects.filter(account__in=kept):
        if sender.state == SenderState.PAUSED:
            yield Finding(False, f"The sender {sender} is paused: {sender.paused_reason}")
            continue
        try:
            found = connection.look(sender.account, sender.phone)
        except (connection.CantUse, senders.NotReady) as error:
            yield Finding(False, f"The sender {sender} can't be used: {error}")
            continue
        if found.registered is False:
            yield Finding(False, f"The sender {sender} is no WhatsApp sender of its account.")
        else:
            yield Finding(
                True, f"The sender {sender} was added in the browser, and Twilio takes its credentials."
            )


def _templates(account: str) -> Iterator[Finding]:
    """A template that WhatsApp has not approved can't be sent."""
    from django.conf import settings

    from cordially import approvals
    from cordially.invitations import flightcheck, library
    from cordially.providers.twilio.content import ContentError

    template = library.default_template()
    handed_in = [standing.newest for standing in library.standings(template, account) if standing.newest]
    if settings.USE_SIMULATOR and not handed_in:
        yield Finding(None, "The first `cordially serve` makes the template at the simulator.")
        return
    if not settings.USE_SIMULATOR:
        try:
            for version in handed_in:
                approvals.ask(version)
        except ContentError as error:
            yield Finding(False, f"Twilio doesn't say how WhatsApp's review of the template stands: {error}")
            return
    if approved := library.sendable(template, account):
        languages = ", ".join(approved)
        yield Finding(True, f"WhatsApp has approved the template “{template}” in: {languages}.")
    else:
        waits = any(version.state in ("received", "pending") for version in handed_in)
        yield Finding(None if waits else False, flightcheck.why_not(template, account))


def _is_configured() -> bool:
    """Whether there is an account to ask, and a number to ask it for."""
    from django.conf import settings

    return settings.USE_SIMULATOR or all(
        (settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, settings.TWILIO_WHATSAPP_FROM)
    )


async def _lines() -> list[Finding]:
    """Out to Twilio, and in through the public address."""
    from django.conf import settings

    findings = []
    if not settings.USE_SIMULATOR and settings.TWILIO_ACCOUNT_SID and settings.TWILIO_AUTH_TOKEN:
        findings.append(await _twilio())
    if settings.PUBLIC_URL:
        findings.append(await _callbacks(settings.PUBLIC_URL))
    elif settings.USE_SIMULATOR:
        findings.append(Finding(None, "CORDIALLY_PUBLIC_URL is not set; the simulator doesn't need it."))
    else:
        findings.append(
            Finding(
                False, "CORDIALLY_PUBLIC_URL is missing: Twilio can't report back, and links lead nowhere."
            )
        )
    return findings


async def _twilio() -> Finding:
    from cordially.connection import make_provider

    try:
        provider = make_provider()
    except Exception as error:
        return Finding(False, f"Twilio can't be used as configured: {error}")
    try:
        checked = await provider.check()
    finally:
        await provider.close()
    return Finding(checked.ok, checked.sentence)


async def _callbacks(public_url: str) -> Finding:
    """A report without a signature must come through to this installation's door, and be refused there."""
    import aiohttp

    from cordially.delivery.webhooks import PATH

    url = f"{public_url}{PATH}"
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.post(url, data={"MessageSid": "SM"}) as answer,
        ):
            # a proxy may refuse with the same number, but not in our words
            if answer.status == 403 and b"signature" in await answer.content.read(1000):
                return Finding(True, f"Callbacks reach {url}, and a forged one is refused.")
            return Finding(False, f"{url} answers {answer.status}: does the proxy lead to a running server?")
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding(False, f"{url} can't be reached ({type(error).__name__}): is a server running there?")
