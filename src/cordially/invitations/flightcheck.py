"""Before anything leaves: every guest's real message is written out and read.

The check changes nothing. It says who would be sent what, who would not and why, and what may surprise the
host. Its fingerprint covers everything that the messages depend on, so that what is confirmed is what was
checked: `campaigns.start_campaign` takes the fingerprint again inside its transaction.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from django.db.models import BooleanField, Case, Exists, OuterRef, QuerySet, TextField, When
from django.db.models.functions import Cast

from cordially.events.models import Event
from cordially.guests.models import Guest, PhoneProblem
from cordially.lib.clock import now as clock_now
from cordially.lib.marking import noop
from cordially.templating import languages, rules, variables
from cordially.templating.components import Components
from cordially.templating.variables import Recipient, Slot

from . import comparing, library, prices, senders
from .lifecycle import LIVE, OPEN
from .models import Category, Invitation, MessageTemplate, Review, TemplateVersion

#: people listed with each finding; the rest are counted
PEOPLE = 200
#: guests between two reports of how far it is
STEP = 500

#: where WhatsApp delivers no marketing messages, since 1 April 2025
#: https://www.twilio.com/docs/api/errors/63049 (August 2026)
NO_MARKETING = frozenset({"US"})

#: what messages are for unless somebody says otherwise
INVITATION = "invitation"
PURPOSES = {
    INVITATION: noop("Invitation"),
    "reminder": noop("Reminder"),
    "save_the_date": noop("Save the date"),
    "update": noop("Update"),
    "thanks": noop("Thanks"),
}


class Cause(StrEnum):
    """Why somebody is left out, or what the host should know; the worst first."""

    AMBIGUOUS = "ambiguous"
    INVALID = "invalid"
    NO_NUMBER = "no_number"
    OPTED_OUT = "opted_out"
    LACKS = "lacks"
    BAD_VALUE = "bad_value"
    TOO_LONG = "too_long"
    NO_TEXT = "no_text"
    COUNTRY = "country"
    UNDER_WAY = "under_way"
    ALREADY = "already"
    # these are sent all the same
    COUNTRY_SIMULATED = "country_simulated"
    DEFAULT_TEXT = "default_text"
    OTHER_LANGUAGE = "other_language"
    FALLBACK = "fallback"

    @property
    def leaves_out(self) -> bool:
        return self not in _SENT_ANYWAY


_SENT_ANYWAY = {Cause.COUNTRY_SIMULATED, Cause.DEFAULT_TEXT, Cause.OTHER_LANGUAGE, Cause.FALLBACK}
_ORDER = {cause: place for place, cause in enumerate(Cause)}
_OF_A_NUMBER = {
    PhoneProblem.AMBIGUOUS.value: Cause.AMBIGUOUS,
    PhoneProblem.INVALID.value: Cause.INVALID,
    PhoneProblem.NO_PHONE.value: Cause.NO_NUMBER,
}


class Person(NamedTuple):
    """Somebody whom a finding concerns."""

    pk: int
    name: str
    note: str
    token: str


@dataclass
class Finding:
    """One cause, with the people whom it concerns."""

    cause: Cause
    #: what it is about: a variable, a language, a country
    subject: str = ""
    #: what is read or sent in its place
    instead: str = ""
    count: int = 0
    people: list[Person] = field(default_factory=list)
    #: all of them, where they are left out for it
    ids: list[int] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Names it in an address."""
        return f"{self.cause}:{self.subject}" if self.subject else self.cause.value

    @property
    def leaves_out(self) -> bool:
        return self.cause.leaves_out


@dataclass(frozen=True)
class Text:
    """One text that may be sent: a version, and what the event says to all who read it."""

    #: names it within a campaign
    key: str
    language: str
    version: TemplateVersion
    components: Components
    slots: tuple[Slot, ...]
    shared: dict[str, str]


@dataclass
class Report:
    """What would happen if Send were pressed now. chosen = ready + everybody left out."""

    event: Event
    template: MessageTemplate
    chosen: int = 0
    ready: int = 0
    #: why nothing can be sent to anybody; empty when it can
    problem: str = ""
    findings: list[Finding] = field(default_factory=list)
    #: key -> text that may be sent
    texts: dict[str, Text] = field(default_factory=dict)
    #: key -> who reads it
    readers: Counter[str] = field(default_factory=Counter)
    #: guest id -> key, for those who don't read what their language asks for
    moved: dict[int, str] = field(default_factory=dict)
    #: (country, category) -> messages
    countries: Counter[tuple[str, str]] = field(default_factory=Counter)
    #: numbers that will be written to
    phones: list[str] = field(default_factory=list)
    fingerprint: str = ""
    checked_at: dt.datetime = field(default_factory=clock_now)
    seconds: float = 0.0

    @property
    def left_out(self) -> int:
        return self.chosen - self.ready

    @property
    def reasons(self) -> list[Finding]:
        """Those who are left out, by cause."""
        return [finding for finding in self.findings if finding.leaves_out]

    @property
    def notes(self) -> list[Finding]:
        """What else to know."""
        return [finding for finding in self.findings if not finding.leaves_out]


class Plan:
    """Which text each guest reads, and whether it can be filled."""

    def __init__(
        self, event: Event, template: MessageTemplate, *, account: str = "", otherwise: bool = False
    ) -> None:
        """`account`: that of the event's sender unless named. `otherwise`: who can't have this template gets
        the one that ships, because the host chose so."""
        self.event = event
        self.template = template
        self.account = account or senders.account_of(event)
        self.texts = self._load(template)
        default = library.default_template() if otherwise else None
        self.spare = self._load(default, "spare/") if default else {}
        self.spare_fallback = default.fallback_language if default else ""
        self._languages: dict[str, str] = {}

    def _load(self, template: MessageTemplate, prefix: str = "") -> dict[str, Text]:
        versions = library.sendable(template, self.account)
        return {
            f"{prefix}{language}": Text(
                key=f"{prefix}{language}",
                language=language,
                version=version,
                components=version.components,
                slots=version.slots,
                shared=variables.event_values(self.event, language),
            )
            for language, version in versions.items()
        }

    @property
    def every(self) -> dict[str, Text]:
        return self.texts | self.spare

    def wanted(self, language: str) -> str:
        """The language that a guest asks for: their own, or the event's."""
        return language or self.event.language

    def key_for(self, language: str) -> str:
        """The text for a guest's language; empty when there is none."""
        wanted = self.wanted(language)
        if wanted not in self._languages:
            have = self.texts.keys()
            self._languages[wanted] = languages.best(wanted, have, self.template.fallback_language)
        return self._languages[wanted]

    def spare_for(self, language: str) -> str:
        have = {text.language for text in self.spare.values()}
        found = languages.best(self.wanted(language), have, self.spare_fallback)
        return f"spare/{found}" if found else ""

    @property
    def problem(self) -> str:
        """Why this template can't be sent to anybody; empty when it can."""
        if self.template.archived_at is not None:
            return noop("“{title}” was put away. Bring it back, or choose another template.").format(
                title=self.template.title
            )
        if comparing.pending():
            return comparing.COMPARING
        if self.texts or self.spare:
            return ""
        return why_not(self.template, self.account)


#: WhatsApp's no: without its own words, and with them
_STOPPED = {
    Review.REJECTED: (
        noop("WhatsApp rejected {name}. Mend the text and ask again, or choose another."),
        noop("WhatsApp rejected {name}: “{said}”. Mend the text and ask again, or choose another."),
    ),
    Review.PAUSED: (
        noop(
            "WhatsApp paused {name}. It goes on by itself after some hours; choose another if you can’t wait."
        ),
        noop(
            "WhatsApp paused {name}: “{said}”. It goes on by itself after some hours; "
            "choose another if you can’t wait."
        ),
    ),
    Review.DISABLED: (
        noop("WhatsApp disabled {name}. It can’t be sent any more. Write another, or choose another."),
        noop(
            "WhatsApp disabled {name}: “{said}”. It can’t be sent any more. Write another, or choose another."
        ),
    ),
}


def why_not(template: MessageTemplate, account: str) -> str:
    """Why no version of a template can be sent, and what to do."""
    standings = library.standings(template, account)
    newest = [standing.newest for standing in standings if standing.newest]
    name = f"“{template.title}”"
    if any(s.newest and s.newest.state == Review.APPROVED and s.is_stale for s in standings):
        return noop(
            "The button of {name} leads to an address that is not this server’s any more. Hand it in to WhatsApp again."
        ).format(name=name)
    if any(version.state in (Review.RECEIVED, Review.PENDING) for version in newest):
        return noop("WhatsApp has not approved {name} yet. It can be sent as soon as it is.").format(
            name=name
        )
    for state, (told, told_why) in _STOPPED.items():
        for version in newest:
            if version.state == state:
                said = version.reason.rstrip(". ")
                return (told_why if said else told).format(name=name, said=said)
    if any(version.state == Review.UNSUBMITTED for version in newest):
        return noop("{name} was not handed in to WhatsApp yet. Ask for its approval on its page.").format(
            name=name
        )
    if newest:
        return noop("It is not known yet whether WhatsApp approved {name}. Look again in a minute.").format(
            name=name
        )
    return noop(
        "{name} was not handed in to WhatsApp yet, and nothing else may be sent. Ask for its "
        "approval first: on its page, or with `cordially template {name2} --create`."
    ).format(name=name, name2=template.name)


def rows_of(guests: QuerySet[Guest], *, purpose: str, again: bool) -> QuerySet[Any, tuple[Any, ...]]:
    """One tuple a guest: everything that their message and their place depend on."""
    return (
        guests.order_by("pk")
        .annotate(raw=Cast("fields", TextField()), held=held_back(purpose, again))
        .values_list(
            "pk", "name", "token", "raw", "party_size", "group",
            "language", "phone", "phone_problem", "phone_note", "opted_out_at", "held",
        )
    )  # fmt: skip


def held_back(purpose: str, again: bool) -> Exists | Case:
    """Whether a guest has a message of this purpose, arrived or on its way; with `again`, one under way.

    Who was invited in person had an invitation.
    """
    earlier = Invitation.objects.filter(guest=OuterRef("pk"))
    if again:  # no wish of the host's sends one beside another that isn't settled yet
        return Exists(earlier.filter(state__in=OPEN))
    had = Exists(earlier.filter(campaign__purpose=purpose, state__in=LIVE))
    if purpose == INVITATION:
        return Case(When(in_person_at__isnull=False, then=True), default=had, output_field=BooleanField())
    return had


def _seal(plan: Plan, purpose: str, again: bool) -> Any:
    """A hash that has taken in what all messages share."""
    seal = hashlib.blake2b(digest_size=16)
    texts = [
        (key, text.version.pk, text.version.state, text.version.category, sorted(text.shared.items()))
        for key, text in sorted(plan.every.items())
    ]
    fallbacks = plan.template.fallback_language, plan.spare_fallback
    shared = (plan.event.pk, plan.event.language, fallbacks, purpose, again, texts)
    seal.update(repr(shared).encode("utf-8", "replace"))
    return seal


def fingerprint(
    guests: QuerySet[Guest], plan: Plan, *, purpose: str = INVITATION, again: bool = False
) -> str:
    """The same as a check's, without writing any message: one query, whatever the list."""
    seal = _seal(plan, purpose, again)
    for row in rows_of(guests, purpose=purpose, again=again).iterator(chunk_size=5000):
        seal.update(repr(row).encode("utf-8", "replace"))
    return str(seal.hexdigest())


def check(
    event: Event,
    guests: QuerySet[Guest],
    template: MessageTemplate,
    *,
    account: str = "",
    purpose: str = INVITATION,
    again: bool = False,
    otherwise: bool = False,
    people: int = PEOPLE,
) -> Report:
    """Write out and read every message. Changes nothing."""
    steps = in_steps(
        event,
        guests,
        template,
        account=account,
        purpose=purpose,
        again=again,
        otherwise=otherwise,
        people=people,
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            report: Report = end.value
            return report


def in_steps(
    event: Event,
    guests: QuerySet[Guest],
    template: MessageTemplate,
    *,
    account: str = "",
    purpose: str = INVITATION,
    again: bool = False,
    otherwise: bool = False,
    people: int = PEOPLE,
) -> Generator[int, None, Report]:
    """The same, telling after every few hundred guests how many are done."""
    begun = clock_now()
    plan = Plan(event, template, account=account, otherwise=otherwise)
    reader = _Reader(plan, again=again, people=people)
    seal = _seal(plan, purpose, again)
    rows = rows_of(guests.filter(event=event), purpose=purpose, again=again)
    for done, row in enumerate(rows.iterator(chunk_size=2000), 1):
        seal.update(repr(row).encode("utf-8", "replace"))
        reader.read(row)
        if done % STEP == 0:
            yield done
    report = reader.report
    report.problem = plan.problem or reader.problem
    report.fingerprint = seal.hexdigest()
    report.checked_at = clock_now()
    report.seconds = (report.checked_at - begun).total_seconds()
    report.findings = reader.sorted()
    return report


class _Reader:
    """Reads one guest's message after the other and keeps account of what it finds."""

    def __init__(self, plan: Plan, *, again: bool, people: int) -> None:
        self.plan = plan
        self.report = Report(plan.event, plan.template, texts=plan.every)
        self._again = again
        self._people = people
        self._found: dict[tuple[Cause, str, str], Finding] = {}
        self._reach_all = not senders.is_real(plan.account)

    def sorted(self) -> list[Finding]:
        return sorted(self._found.values(), key=lambda found: (_ORDER[found.cause], -found.count))

    @property
    def problem(self) -> str:
        """What keeps everybody's message from being sent, where it is one thing that the event lacks."""
        left_out = [found for found in self._found.values() if found.leaves_out]
        if self.report.ready or len(left_out) != 1 or left_out[0].cause != Cause.LACKS:
            return ""
        subject = left_out[0].subject
        if subject == "event_location":
            said = noop(
                "Every one of these messages names the place, and this event has none yet. Fill it in, "
                "take {variable} out of the text, or write a fallback for it."
            )
        elif subject == "map_link":
            said = noop(
                "Every one of these messages names a link to a map, and this event has none yet. Fill it in, "
                "take {variable} out of the text, or write a fallback for it."
            )
        else:
            return ""
        return said.format(variable=f"{{{{{subject}}}}}")

    def read(self, row: tuple[Any, ...]) -> None:
        pk, name, token, raw, party_size, group, language, phone, problem, note, opted_out_at, held = row
        self.report.chosen += 1

        def about(cause: Cause, subject: str = "", instead: str = "", said: str = "") -> None:
            self._note(cause, subject, instead, Person(pk, name, said, token))

        if not phone:
            return about(_OF_A_NUMBER.get(problem, Cause.NO_NUMBER), said=note)
        if opted_out_at is not None:
            return about(Cause.OPTED_OUT)
        if held:
            return about(Cause.UNDER_WAY if self._again else Cause.ALREADY)
        fields = json.loads(raw) if raw and raw != "{}" else {}
        guest = Recipient(name, token, fields, party_size, group)
        key = self.plan.key_for(language)
        values, troubles = self._write(key, guest, language)
        if troubles and (spare := self.plan.spare_for(language)):
            instead, none = self._write(spare, guest, language)
            if not none:
                key, values, troubles = spare, instead, []
        for cause, subject, said in troubles:
            about(cause, subject, said=said)
        if not troubles and self._goes(key, values, language, phone, about) and key in self.plan.spare:
            about(Cause.DEFAULT_TEXT)
            self.report.moved[pk] = key
        return None

    def _goes(
        self, key: str, values: dict[str, str], language: str, phone: str, about: Callable[..., None]
    ) -> bool:
        """Whether this message can be sent, as far as its number says; what else to know of it."""
        text = self.plan.every[key]
        country = prices.country_of(phone)
        if text.version.category == Category.MARKETING and country in NO_MARKETING:
            if not self._reach_all:
                about(Cause.COUNTRY, country)
                return False
            about(Cause.COUNTRY_SIMULATED, country)
        wanted = self.plan.wanted(language)
        if key in self.plan.texts and not languages.same(wanted, text.language):
            about(Cause.OTHER_LANGUAGE, languages.normal(wanted) or wanted, text.language)
        for slot in text.slots:
            if slot.fallback and not values.get(slot.name):
                about(Cause.FALLBACK, slot.name, slot.fallback)
        self.report.ready += 1
        self.report.phones.append(phone)
        self.report.readers[key] += 1
        self.report.countries[country, text.version.category] += 1
        return True

    def _write(
        self, key: str, guest: Recipient, language: str
    ) -> tuple[dict[str, str], list[tuple[Cause, str, str]]]:
        """The values of this guest's message, and (cause, subject, note) for whatever keeps it from being sent."""
        if not key:
            wanted = self.plan.wanted(language) if self.plan.texts else ""
            return {}, [(Cause.NO_TEXT, languages.normal(wanted) or wanted, "")]
        text = self.plan.every[key]
        values = variables.guest_values(text.shared, guest)
        lacking = [slot.name for slot in text.slots if not slot.value(values)]
        if lacking:
            return values, [(Cause.LACKS, ", ".join(dict.fromkeys(lacking)), "")]
        for slot in text.slots:
            if problem := rules.check_value(slot, slot.value(values)):
                return values, [(Cause.BAD_VALUE, slot.name, problem)]
        if too_long := rules.check_message(text.components, values):
            return values, [(Cause.TOO_LONG, "", too_long[0])]
        return values, []

    def _note(self, cause: Cause, subject: str, instead: str, person: Person) -> None:
        found = self._found.get((cause, subject, instead))
        if found is None:
            found = self._found[cause, subject, instead] = Finding(cause, subject, instead)
        found.count += 1
        if len(found.people) < self._people:
            found.people.append(person)
        if cause.leaves_out:
            found.ids.append(person.pk)


def reason(finding: Finding) -> str:
    """The sentence that a guest who is left out for it carries in the ledger."""
    match finding.cause:
        case Cause.LACKS:
            return noop("No value for “{subject}” in this guest’s message.").format(subject=finding.subject)
        case Cause.BAD_VALUE:
            return noop(
                "The value of “{subject}” is longer than WhatsApp allows, or has signs that it refuses."
            ).format(subject=finding.subject)
        case Cause.TOO_LONG:
            return noop("This guest’s message is longer than WhatsApp allows.")
        case Cause.NO_TEXT:
            read = languages.named(finding.subject).english_name
            return noop("There is no approved text in {language}, nor in a fallback language.").format(
                language=read
            )
        case Cause.COUNTRY:
            return noop("WhatsApp delivers no marketing messages to the United States.")
    return ""
