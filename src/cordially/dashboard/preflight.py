"""What the flight check found, as the host reads it: a sentence, what follows, and what to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from cordially.invitations import forecast, hours, prices
from cordially.invitations.flightcheck import INVITATION, Cause, Finding, Report
from cordially.invitations.models import Sender
from cordially.invitations.prices import Estimate, name_of
from cordially.lib.clock import now as clock_now
from cordially.templating.variables import personal_link

from . import reckoning, words
from .reckoning import Told
from .shown import shown


@dataclass(frozen=True)
class Row:
    """One of the people whom a finding concerns."""

    name: str
    note: str
    href: str
    #: the personal page, to be handed on another way
    link: str


@dataclass(frozen=True)
class Fold:
    """One finding."""

    key: str
    tone: str
    icon: str
    title: str
    cure: str
    rows: list[Row]
    more: int
    is_open: bool
    #: where it can be mended at once, and the words for it
    mend: str = ""
    mend_label: str = ""
    #: no guest's own trouble: the text or the event lacks something
    is_everybodys: bool = False


@dataclass(frozen=True)
class Words:
    """What sending is called, by what the messages are for."""

    headline: str
    nobody: str
    nobody_why: str
    #: on the button, with how many
    send: str


def words_of(purpose: str, ready: int = 0) -> Mapping[str, Words]:
    """For the page of the check; `ready` messages can be sent."""
    if purpose == INVITATION:
        told = Words(
            _("Send invitations"),
            _("Nobody is left to invite"),
            _("Everybody was invited already. Whoever joins the list later shows up here."),
            ngettext("Send {n} invitation", "Send {n} invitations", ready).format(n=f"{ready:,}"),
        )
    else:
        headlines = {
            "reminder": _("Send a reminder"),
            "save_the_date": _("Send a “save the date”"),
            "update": _("Send an update"),
            "thanks": _("Send thanks"),
        }
        told = Words(
            headlines.get(purpose, _("Send messages")),
            _("Nobody is left to write to"),
            _("Everybody had this message already. Whoever joins the list later shows up here."),
            ngettext("Send {n} message", "Send {n} messages", ready).format(n=f"{ready:,}"),
        )
    return {"words": told}


def language_name(code: str) -> str:
    """`French` for `fr`."""
    return words.language(code)


def title(found: Finding) -> str:
    n, what = found.count, found.subject
    match found.cause:
        case Cause.AMBIGUOUS:
            return ngettext("{n} number is in doubt", "{n} numbers are in doubt", n).format(n=f"{n:,}")
        case Cause.INVALID:
            return ngettext("{n} number can’t be called", "{n} numbers can’t be called", n).format(n=f"{n:,}")
        case Cause.NO_NUMBER:
            return ngettext("{n} guest has no number", "{n} guests have no number", n).format(n=f"{n:,}")
        case Cause.OPTED_OUT:
            return ngettext(
                "{n} guest asked not to be written to", "{n} guests asked not to be written to", n
            ).format(n=f"{n:,}")
        case Cause.LACKS:
            return ngettext("{n} lacks a value for “{what}”", "{n} lack a value for “{what}”", n).format(
                n=f"{n:,}", what=what
            )
        case Cause.BAD_VALUE:
            return ngettext(
                "{n} value of “{what}” can’t be sent", "{n} values of “{what}” can’t be sent", n
            ).format(n=f"{n:,}", what=what)
        case Cause.TOO_LONG:
            return ngettext("{n} message is too long", "{n} messages are too long", n).format(n=f"{n:,}")
        case Cause.NO_TEXT:
            if not what:
                return ngettext(
                    "{n} message waits for an approved text", "{n} messages wait for an approved text", n
                ).format(n=f"{n:,}")
            return ngettext("{n} reads {language}", "{n} read {language}", n).format(
                n=f"{n:,}", language=language_name(what)
            )
        case Cause.COUNTRY | Cause.COUNTRY_SIMULATED:
            return ngettext("{n} is in {country}", "{n} are in {country}", n).format(
                n=f"{n:,}", country=_country(what)
            )
        case Cause.UNDER_WAY:
            return ngettext(
                "{n} has a message that is still under way", "{n} have a message that is still under way", n
            ).format(n=f"{n:,}")
        case Cause.ALREADY:
            return ngettext("{n} had this message already", "{n} had this message already", n).format(
                n=f"{n:,}"
            )
        case Cause.DEFAULT_TEXT:
            return ngettext(
                "{n} gets the invitation that ships instead", "{n} get the invitation that ships instead", n
            ).format(n=f"{n:,}")
        case Cause.OTHER_LANGUAGE:
            read = language_name(what)
            instead = language_name(found.instead)
            return ngettext(
                "{n} who reads {read} gets the {instead} text",
                "{n} who read {read} get the {instead} text",
                n,
            ).format(n=f"{n:,}", read=read, instead=instead)
        case Cause.FALLBACK:
            return ngettext("{n} has no {what}", "{n} have no {what}", n).format(n=f"{n:,}", what=what)


def cure(found: Finding) -> str:
    match found.cause:
        case Cause.AMBIGUOUS:
            return _("Left out, so that no stranger is invited. Open each and say which number is meant")
        case Cause.INVALID:
            return _("Left out: a message would reach nobody. Open each and correct the number")
        case Cause.NO_NUMBER:
            return _("Left out. Open each and add the number, or hand over the personal link")
        case Cause.OPTED_OUT:
            return _("Left out: they answered “stop”. Invite them in person")
        case Cause.LACKS:
            if found.subject in _OF_THE_EVENT:
                return _(
                    "Left out: the event doesn’t have it yet. Take it out of the text, or write a "
                    "fallback for it"
                )
            return _(
                "Left out: their message would have a gap. Fill it in in your list and import it again, "
                "or write a fallback in the text"
            )
        case Cause.BAD_VALUE:
            return _("Left out: WhatsApp refuses such a value. Correct it in your list and import it again")
        case Cause.TOO_LONG:
            return _("Left out: a part is longer than WhatsApp takes. Shorten the text or their values")
        case Cause.NO_TEXT:
            if not found.subject:
                return _("Nothing is sent before WhatsApp has approved a text")
            return _(
                "Left out: there is no approved text in it. Have one approved, or choose a fallback language"
            )
        case Cause.COUNTRY:
            return _("Left out: WhatsApp delivers no marketing messages there. Copy their links instead")
        case Cause.COUNTRY_SIMULATED:
            return _(
                "Sent here, because this is a rehearsal. Through Twilio they would be left out: "
                "WhatsApp delivers no marketing messages there"
            )
        case Cause.UNDER_WAY:
            return _("Left out until it is settled, so that nobody gets two")
        case Cause.ALREADY:
            return _("Left out, so that nobody gets it twice")
        case Cause.DEFAULT_TEXT:
            return _("Will be sent, because you chose so")
        case Cause.OTHER_LANGUAGE:
            return _(
                "Will be sent: {language_name} is the fallback of this template, or the nearest text"
            ).format(language_name=language_name(found.instead))
        case Cause.FALLBACK:
            return _("Will be sent: they read “{instead}”").format(instead=found.instead)


def _country(code: str) -> str:
    name = name_of(code)
    return f"the {name}" if get_language() == "en" and name.startswith("United") else name


#: what all guests share, and no list of guests can say
_OF_THE_EVENT = {"event_location", "map_link"}
#: what a corrected list mends, and no guest's page
_IN_THE_LIST = {Cause.BAD_VALUE}

_ICONS = {
    Cause.LACKS: ("failed", "s-failed"),
    Cause.BAD_VALUE: ("failed", "s-failed"),
    Cause.TOO_LONG: ("failed", "s-failed"),
    Cause.NO_TEXT: ("unsure", "globe"),
    Cause.OTHER_LANGUAGE: ("unsure", "globe"),
    Cause.COUNTRY_SIMULATED: ("unsure", "globe"),
    Cause.DEFAULT_TEXT: ("unsure", "info"),
    Cause.FALLBACK: ("unsure", "info"),
}


def fold(report: Report, found: Finding, is_open: bool) -> Fold:
    # a link is of use to whom no message reaches; not to those who asked to be left alone
    handed_on = found.cause in (Cause.NO_NUMBER, Cause.INVALID, Cause.AMBIGUOUS, Cause.COUNTRY)
    rows = [
        Row(
            name=person.name,
            note=shown(person.note),
            href=reverse("guest", args=[report.event.slug, person.pk]),
            link=personal_link(person.token) if handed_on else "",
        )
        for person in found.people
    ]
    tone, icon = _ICONS.get(found.cause, ("skipped", "s-skipped"))
    in_text = found.cause in (
        Cause.LACKS,
        Cause.TOO_LONG,
        Cause.NO_TEXT,
        Cause.FALLBACK,
        Cause.OTHER_LANGUAGE,
    )
    slug = report.event.slug
    mend = label = ""
    if found.cause in _IN_THE_LIST or (found.cause is Cause.LACKS and found.subject not in _OF_THE_EVENT):
        mend, label = reverse("import", args=[slug]), _("Import the corrected list")
    if in_text:
        mend, label = reverse("template", args=[slug, report.template.pk]), _("Open the template")
    return Fold(
        key=found.key,
        tone=tone,
        icon=icon,
        title=title(found),
        cure=cure(found),
        rows=rows,
        more=found.count - len(rows),
        is_open=is_open,
        mend=mend,
        mend_label=label,
        is_everybodys=found.subject in ("", *_OF_THE_EVENT) and found.cause in (Cause.NO_TEXT, Cause.LACKS),
    )


def folds(report: Report, opened: str = "") -> list[Fold]:
    """All findings, the worst first; the first is open, or the one that was asked for."""
    # what is sent all the same, and who had it already, is no trouble to look into
    troubles = (found.key for found in report.reasons if found.cause is not Cause.ALREADY)
    wanted = opened or next(troubles, "")
    return [fold(report, found, found.key == wanted) for found in report.findings]


@dataclass(frozen=True)
class Outlook:
    """How long it takes, and what it costs."""

    told: Told | None
    pace: str
    estimates: list[Estimate]
    #: of different people in 24 hours: those of the day, and the limit
    today: int
    per_day: int | None
    #: why nothing leaves now at all; empty when it does
    held: str = ""
    #: when the first one leaves, where that isn't at once
    begins: dt.datetime | None = None
    #: that is so because the event is quiet until then
    is_quiet: bool = False
    #: the last one leaves when the event has begun
    is_late: bool = False

    @property
    def after(self) -> int:
        """How many of today's allowance are used when these have left, as far as it goes."""
        return min(self.today, self.per_day or self.today)


def outlook(report: Report, sender: Sender | None, starts_at: dt.datetime | None = None) -> Outlook:
    by_category: dict[str, dict[str, int]] = {}
    for (country, category), count in report.countries.items():
        by_category.setdefault(category, {})[country] = count
    book = prices.book()
    estimates = [prices.estimate(counts, category, book) for category, counts in by_category.items()]
    if sender is None or not report.ready:
        return Outlook(None, "", estimates, 0, None)
    now = clock_now()
    quiet = hours.quiet_of(report.event)
    used = forecast.used(sender, now, report.phones if sender.per_day else ())
    found = forecast.forecast(
        report.ready,
        per_second=sender.per_second,
        per_hour=sender.per_hour,
        per_day=sender.per_day,
        used=used,
        now=now,
        zone=report.event.zone,
        starts_at=starts_at,
        quiet=quiet,
    )
    told = reckoning.in_words(found, report.event.zone, now)
    today = used.in_day + (found.days[0].count if found.days else 0)
    wanted = max(now, starts_at or now)
    is_quiet = bool(quiet and quiet.until(wanted))
    begins = found.starts_at if is_quiet or (starts_at and starts_at > now) else None
    return Outlook(
        told=told,
        pace=reckoning.pace(found, sender),
        estimates=estimates,
        today=today,
        per_day=sender.per_day,
        held=found.held,
        begins=begins,
        is_quiet=is_quiet,
        is_late=found.ends_at > report.event.starts_at,
    )


def context(
    report: Report, sender: Sender | None, opened: str = "", starts_at: dt.datetime | None = None
) -> Mapping[str, Any]:
    """What the result of a check needs to be drawn."""
    return {
        "report": report,
        # what keeps everybody back is one sentence, not a list of everybody
        "folds": [each for each in folds(report, opened) if not report.problem or not each.is_everybodys],
        "outlook": outlook(report, sender, starts_at),
    }
