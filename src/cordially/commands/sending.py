"""Sending from the shell, and the sender's limits."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .common import NOT_DONE, SOME_FAILED, Refused, prepared, the_event

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from cordially.events.models import Event
    from cordially.guests.models import Guest
    from cordially.invitations.models import Campaign, MessageTemplate, Sender
    from cordially.invitations.progress import Progress as CampaignProgress

NOT_INVITED = "not_invited"
#: a campaign in which nothing moved for so long, and nothing is left to send, is not waited for any more
PATIENCE = 60.0
#: seconds after which a campaign is left alone of which nothing got through to Twilio at all
FIRST_CONTACT = 10.0
#: WhatsApp's review mostly takes minutes; one that was asked for a moment ago may be decided right now
REVIEWED_WITHIN = 5.0
NEXT = "What is queued waits for the server, or for the next `cordially send`."


@click.command("send")
@click.argument("event")
@click.option(
    "--template", "template_name", default="", help="Message template; rsvp_invitation when left out."
)
@click.option(
    "--only",
    "only",
    default="",
    metavar="STATUS",
    help="Only guests with this status: not_invited, failed, cancelled or skipped.",
)
@click.option(
    "--purpose",
    default="invitation",
    help="What it is: invitation, reminder, save_the_date, update or thanks. Nobody gets two for one purpose.",
)
@click.option("--again", is_flag=True, help="Also to those who had one for this purpose already.")
@click.option("--resume", is_flag=True, help="Go on with what was paused, instead of sending anything new.")
@click.option("--wait", is_flag=True, help="Stay until every invitation reached an end, with a progress bar.")
@prepared
def send(
    event: str, template_name: str, only: str, purpose: str, again: bool, resume: bool, wait: bool
) -> None:
    """Send invitations to everyone of EVENT who can have one.

    Nobody gets a second one, unless --again says so. With a server running the server sends; without one
    this command does it, and stays until it is done. Exit code 0: every invitation reached an end. 3: the
    same, but some failed. 1: it stopped before.

    \b
    Example:
      cordially send maya-arjun --wait
    """
    from cordially.invitations import campaigns, library, senders

    found = the_event(event)
    purpose = _purpose(purpose)
    guests = _chosen(found.guests.all(), only)
    if not guests.exists():
        raise Refused(
            f"Nobody of {found.slug} has the status “{only}”."
            if only
            else f"Nobody is on the list of {found.slug} yet: `cordially import-guests` brings a list."
        )
    template = _template(template_name)

    def start() -> list[Campaign]:
        if resume:
            return _resume(found)
        try:
            campaign = campaigns.start_campaign(
                found, guests, template=template, purpose=purpose, again=again
            )
        except campaigns.CantStart as error:
            if isinstance(error, campaigns.NobodyReady) and (earlier := _unfinished(guests)):
                _refuse_if_paused(earlier)
                click.echo("Nobody new can be invited. What is queued from before is sent now.")
                return earlier
            raise Refused(str(error)) from error
        click.echo(_queued_sentence(campaign))
        return [campaign]

    sender = senders.sender_for(found)
    # the simulator learns the template that ships when its server starts
    if not (senders.is_simulated(sender.account) and template == library.default_template()):
        _require_approval(template, sender.account)
    if _lease_is_alive(sender.pk):
        begun = start()
        click.echo("The server sends them.")
        if wait:
            looks = asyncio.run(_watch_all(begun, until_ended=True, stop=None))
            raise SystemExit(_conclude(looks, until_ended=True, alone=False))
        return
    # counted when the doors are closed: by then everything that was under way is settled
    raise SystemExit(_conclude(asyncio.run(_send_here(start, wait)), until_ended=wait, alone=True))


def _chosen(guests: QuerySet[Guest], only: str) -> QuerySet[Guest]:
    from cordially.invitations.lifecycle import State

    if not only:
        return guests
    status = only.strip().lower().replace("-", "_")
    if status == NOT_INVITED:
        return guests.exclude(invitations__is_current=True)
    if status not in State.values:
        raise Refused(f"“{only}” is no status. There are: {NOT_INVITED}, {', '.join(State.values)}.")
    return guests.filter(invitations__is_current=True, invitations__state=status)


def _purpose(text: str) -> str:
    from cordially.invitations.campaigns import PURPOSES

    purpose = text.strip().lower().replace("-", "_").replace(" ", "_")
    if purpose not in PURPOSES:
        raise Refused(f"“{text}” is no purpose. There are: {', '.join(PURPOSES)}.")
    return purpose


def _resume(event: Event) -> list[Campaign]:
    """Go on with the paused campaigns of this event."""
    from cordially.invitations import campaigns
    from cordially.invitations.models import CampaignState

    paused = list(event.campaigns.filter(state=CampaignState.PAUSED).order_by("pk"))
    if not paused:
        raise Refused(
            f"Nothing of {event.slug} is paused. `cordially sender --resume` is for a paused sender."
        )
    for campaign in paused:
        campaigns.resume(campaign)
        click.echo(f"“{campaign.name}” goes on.")
    return paused


def _refuse_if_paused(earlier: list[Campaign]) -> None:
    from cordially.invitations.models import CampaignState

    paused = [campaign for campaign in earlier if campaign.state == CampaignState.PAUSED]
    if paused and len(paused) == len(earlier):
        raise Refused(
            f"“{paused[0].name}” is paused: {paused[0].paused_reason} Add --resume to go on with it."
        )


def _unfinished(guests: QuerySet[Guest]) -> list[Campaign]:
    """Campaigns that were stopped before all of these guests had their turn."""
    from cordially.invitations.lifecycle import OPEN
    from cordially.invitations.models import Campaign, Invitation

    waiting = Invitation.objects.filter(guest__in=guests, is_current=True, state__in=OPEN)
    return list(Campaign.objects.filter(pk__in=waiting.values("campaign")).order_by("pk"))


def _template(name: str) -> MessageTemplate:
    from cordially.invitations.library import default_template
    from cordially.invitations.models import MessageTemplate

    if not name:
        return default_template()
    default_template()
    ready = MessageTemplate.objects.filter(archived_at=None)
    template = ready.filter(name=name).first()
    if template is None:
        known = ", ".join(ready.values_list("name", flat=True))
        raise Refused(f"There is no template “{name}”. There is: {known}.")
    return template


def _require_approval(template: MessageTemplate, account: str) -> None:
    """Ask WhatsApp's word anew where it is not known to be yes. Raises Refused when nothing may be sent."""
    from cordially import approvals
    from cordially.invitations import flightcheck, library
    from cordially.providers.twilio.content import ContentError

    deadline = time.monotonic() + REVIEWED_WITHIN
    while True:
        waiting = [
            each.newest for each in library.standings(template, account) if each.newest and not each.in_use
        ]
        try:
            for version in waiting:
                approvals.ask(version)
        except ContentError as error:
            raise Refused(
                f"Twilio doesn't say how WhatsApp's review of “{template}” stands: {error}"
            ) from error
        undecided = [
            each for each in library.standings(template, account) if each.is_waiting and not each.in_use
        ]
        if not undecided or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    if not library.sendable(template, account):
        raise Refused(flightcheck.why_not(template, account))


def _lease_is_alive(sender_id: int) -> bool:
    """Whether a running process holds the sender: it renews its lease every second or so."""
    from cordially.invitations.models import Sender
    from cordially.lib.clock import now

    first = Sender.objects.get(pk=sender_id).lease_until
    if first is None or first < now():
        return False
    deadline = time.monotonic() + 3.0
    while time.monotonic() < deadline:
        time.sleep(0.2)
        if Sender.objects.get(pk=sender_id).lease_until not in (None, first):
            return True
    return False


def _queued_sentence(campaign: Campaign) -> str:
    from cordially.invitations import campaigns
    from cordially.invitations.lifecycle import State

    left_out = campaigns.counts(campaign)[State.SKIPPED]
    queued = campaign.audience - left_out
    sentence = f"{queued:,} invitations are queued" if queued != 1 else "1 invitation is queued"
    if not left_out:
        return f"{sentence}."
    return (
        f"{sentence}, {left_out:,} guests are left out."
        if left_out != 1
        else f"{sentence}, 1 guest is left out."
    )


@dataclass(frozen=True)
class _Look:
    """The last look at a campaign while it ran."""

    campaign: Campaign
    note: str
    stopped: bool


async def _send_here(start: Callable[[], list[Campaign]], wait: bool) -> list[_Look]:
    """No server runs: this process opens the doors and sends, until it is done or told to stop."""
    from django.conf import settings

    from cordially import connection, server
    from cordially.setup import collect_static

    try:
        listener = server.bind("127.0.0.1", settings.PORT)
    except server.PortTaken:
        listener = server.bind("127.0.0.1", 0)
    server.use_address(listener)
    connection.check_addresses()
    # guests who open their link while this runs get whole pages
    await asyncio.to_thread(collect_static)
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    async with server.running(listener):
        begun = await asyncio.to_thread(start)
        return await _watch_all(begun, until_ended=wait, stop=stop)


async def _watch_all(begun: list[Campaign], *, until_ended: bool, stop: asyncio.Event | None) -> list[_Look]:
    """One after the other; nearly always it is one."""
    return [await _watch(campaign, until_ended=until_ended, stop=stop) for campaign in begun]


async def _watch(campaign: Campaign, *, until_ended: bool, stop: asyncio.Event | None) -> _Look:
    """Show the campaign until nothing is left to do (and, if asked, until everyone's fate is known)."""
    from cordially.invitations.progress import progress

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), console=console, transient=False,
    )  # fmt: skip
    begun_at = moved_at = time.monotonic()
    seen = None
    with bar:
        task = bar.add_task("Sending", total=None, rate="")
        while True:
            now = await asyncio.to_thread(progress, campaign)
            if now.counts != seen:
                moved_at, seen = time.monotonic(), now.counts
            rate = f"{now.per_second:g}/s" if now.per_second else ""
            bar.update(
                task,
                description=now.note or ("Sending" if now.waiting else "Arriving"),
                completed=_ended(now) if until_ended else now.audience - _open(now),
                total=now.audience,
                rate=rate,
            )
            stopped = stop is not None and stop.is_set()
            if stopped or _is_over(now, until_ended, time.monotonic() - moved_at):
                break
            if now.note and time.monotonic() - begun_at > FIRST_CONTACT and not _got_through(now):
                break
            await asyncio.sleep(0.3)
    return _Look(campaign, now.note, stopped)


def _got_through(now: CampaignProgress) -> bool:
    """Whether Twilio answered for anybody of it."""
    from cordially.invitations.lifecycle import State

    nothing = (State.QUEUED, State.SENDING, State.SKIPPED, State.CANCELLED)
    return any(number for state, number in now.counts.items() if state not in nothing)


def _open(now: CampaignProgress) -> int:
    from cordially.invitations.lifecycle import OPEN

    return sum(now.counts[state] for state in OPEN)


def _ended(now: CampaignProgress) -> int:
    from cordially.invitations.lifecycle import ENDED

    return sum(now.counts[state] for state in ENDED)


def _is_over(now: CampaignProgress, until_ended: bool, quiet: float) -> bool:
    if now.state == "paused" or (now.sender_paused and now.waiting):
        return True
    if not now.settled:
        return False
    return not until_ended or _ended(now) == now.audience or quiet > PATIENCE


def _conclude(looks: list[_Look], *, until_ended: bool, alone: bool) -> int:
    """The summary of each, and the exit code of the worst."""
    codes = [_summary(look, until_ended, alone) for look in looks]
    return next((code for code in (NOT_DONE, SOME_FAILED) if code in codes), 0)


def _summary(look: _Look, until_ended: bool, alone: bool) -> int:
    """The counts by state, and the exit code that is true of them."""
    from cordially.invitations.lifecycle import State
    from cordially.invitations.progress import progress

    now = progress(look.campaign)
    for state, number in now.counts.items():
        if number:
            click.echo(f"{number:>8,} {state.label.lower()}")
    click.echo(f"{now.audience:>8,} together")
    if look.stopped:
        click.echo(f"Stopped. {NEXT}", err=True)
        return NOT_DONE
    if not now.settled:
        # without its "Goes on at …" where this command was the one to go on
        why = look.note.partition(" Goes on at ")[0] if alone else look.note
        click.echo(f"Sending stopped: {why} {NEXT if alone else ''}".rstrip(), err=True)
        return NOT_DONE
    if until_ended and (way := now.audience - _ended(now)):
        click.echo(
            f"{way:,} are on their way to phones that are off; `cordially status` follows them.", err=True
        )
        return NOT_DONE
    return SOME_FAILED if now.counts[State.FAILED] else 0


@click.command("sender")
@click.option("--per-second", type=click.IntRange(1, 400), default=None, help="Messages in any second.")
@click.option("--per-hour", default=None, metavar="N|none", help="Messages in any hour.")
@click.option("--per-day", default=None, metavar="N|none", help="Different people in any 24 hours.")
@click.option("--resume", is_flag=True, help="Go on after the fault that paused it is mended.")
@click.option("--number", default="", metavar="+E164", help="Which sender; the configured one when left out.")
@prepared
def sender(
    per_second: int | None, per_hour: str | None, per_day: str | None, resume: bool, number: str
) -> None:
    """Show the senders; with options, set the limits of one. A running server heeds them at once.

    \b
    Example:
      cordially sender --per-second 20 --per-hour none --per-day 2000
    """
    from cordially.invitations import campaigns
    from cordially.invitations.models import Sender
    from cordially.invitations.senders import default_sender

    mine = _numbered(number) if number else default_sender()
    changes: dict[str, int | None] = {}
    if per_second is not None:
        changes["per_second"] = per_second
    for name, text in (("per_hour", per_hour), ("per_day", per_day)):
        if text is not None:
            changes[name] = _limit(name, text)
    if changes:
        Sender.objects.filter(pk=mine.pk).update(**changes)
    if resume:
        try:
            campaigns.resume_sender(mine)
        except campaigns.CantResume as error:
            raise Refused(str(error)) from error
    for found in Sender.objects.all():
        mark = "*" if found.pk == mine.pk else " "
        limits = f"{found.per_second}/s, {found.per_hour or 'no limit'} an hour, {found.per_day or 'no limit'} a day"
        click.echo(f"{mark} {found.phone}  {found.name or '-'}  {limits}  {found.state}")
        if found.paused_reason:
            click.echo(f"    paused since {found.paused_at:%Y-%m-%d %H:%M} UTC: {found.paused_reason}")


def _numbered(number: str) -> Sender:
    from cordially.invitations.models import Sender

    found = Sender.objects.filter(phone=number.removeprefix("whatsapp:").strip())
    if len(found) != 1:
        known = ", ".join(Sender.objects.values_list("phone", flat=True)) or "none"
        raise Refused(f"There is no one sender {number}. There is: {known}.")
    return found[0]


def _limit(name: str, text: str) -> int | None:
    if text.strip().lower() == "none":
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 10_000_000):
        raise Refused(f"--{name.replace('_', '-')} wants a number from 1, or none; not “{text}”.")
    return int(text)
