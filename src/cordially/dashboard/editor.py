"""The editor of one text: what was typed, what is to say about it, and how it would be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.http import QueryDict
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from cordially.events.models import Event
from cordially.guests import fields as guest_fields
from cordially.guests.models import Guest
from cordially.invitations import library
from cordially.invitations.library import Standing
from cordially.invitations.models import (
    Campaign,
    CampaignState,
    Category,
    MessageTemplate,
    Review,
    TemplateText,
)
from cordially.templating import languages, rules, variables
from cordially.templating.components import Button, ButtonKind, Components
from cordially.templating.languages import Language
from cordially.templating.rules import Finding, Level

from . import words
from .bubble import Bubble, bubble
from .shown import shown
from .survey import People, Survey, length_with, survey

KINDS: Final = {
    Category.MARKETING.value: gettext_lazy("Marketing: an invitation"),
    Category.UTILITY.value: gettext_lazy("Utility: news about it"),
}
#: fields for quick answers that are always there
FEWEST_REPLIES: Final = 3
MOST_REPLIES: Final = rules.MOST_BUTTONS
#: as much as the database keeps
_LONGEST: Final = {
    "header": (gettext_lazy("The first line"), 200),
    "image": (gettext_lazy("The picture’s address"), 500),
    "body": (gettext_lazy("The text"), 20_000),
    "footer": (gettext_lazy("The last line"), 200),
    "link": (gettext_lazy("The button"), 200),
}
_LONGEST_REPLY: Final = 200
#: columns of the list that are offered
_MOST_OFFERED: Final = 40
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def tidy(text: str, *, lines: bool = False) -> str:
    """What was typed, as it can be kept: no control characters, line breaks of one kind or none."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text if lines else text.replace("\n", " ")


@dataclass
class Typed:
    """The fields of the form."""

    category: str = Category.MARKETING.value
    header: str = ""
    image: str = ""
    body: str = ""
    footer: str = ""
    link: str = ""
    replies: list[str] = field(default_factory=list)
    #: when the text was saved that was edited
    seen: str = ""
    #: the kind that stood there then
    was: str = ""

    @classmethod
    def of(cls, text: TemplateText) -> Typed:
        parts = text.components
        titles = {kind: [one.title for one in parts.buttons if one.kind is kind] for kind in ButtonKind}
        return cls(
            category=text.template.category,
            header=parts.header,
            image=parts.image,
            body=parts.body,
            footer=parts.footer,
            link=next(iter(titles[ButtonKind.LINK]), ""),
            replies=titles[ButtonKind.REPLY],
            seen=text.saved_at.isoformat(),
            was=text.template.category,
        )

    @classmethod
    def read(cls, given: QueryDict) -> Typed:
        def one(name: str) -> str:
            return tidy(given.get(name, ""))

        return cls(
            category=one("category"),
            header=one("header"),
            image=one("image").strip(),
            body=tidy(given.get("body", ""), lines=True),
            footer=one("footer"),
            link=one("link"),
            replies=[tidy(title) for title in given.getlist("reply")[: MOST_REPLIES + 5]],
            seen=one("saved_at"),
            was=one("was"),
        )

    @property
    def components(self) -> Components:
        replies = [Button(ButtonKind.REPLY, title) for title in self.replies if title.strip()]
        links = [Button(ButtonKind.LINK, self.link)] if self.link.strip() else []
        return Components(self.body, self.header, self.image, self.footer, (*replies, *links))

    @property
    def too_much(self) -> str:
        """Why it can't be kept, not even as a draft; empty when it can."""
        for name, (subject, most) in _LONGEST.items():
            if len(getattr(self, name)) > most:
                return _("{subject} is too long to be kept: {most} characters at most.").format(
                    subject=subject, most=f"{most:,}"
                )
        if any(len(title) > _LONGEST_REPLY for title in self.replies):
            return _("An answer is too long to be kept: {longest_reply} characters at most.").format(
                longest_reply=_LONGEST_REPLY
            )
        if self.category not in Category.values:
            return _("Choose the kind of message.")
        return ""

    @property
    def slots_for_replies(self) -> list[tuple[str, str, str]]:
        """(id, what stands in it, name of its finding) of each field for a quick answer."""
        shown = [*self.replies, *[""] * max(FEWEST_REPLIES - len(self.replies), 0)]
        number, rows = 0, []
        for place, title in enumerate(shown):
            said = bool(title.strip())
            rows.append((f"reply-{place}", title, f"button.{number}" if said else ""))
            number += said
        return rows

    @property
    def link_field(self) -> str:
        return f"button.{sum(bool(title.strip()) for title in self.replies)}" if self.link.strip() else ""


# -- how a text stands -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pill:
    tone: str
    icon: str
    label: str | Promise


_PILLS: Final = {
    "draft": Pill("warn", "edit", gettext_lazy("Draft")),
    Review.UNSUBMITTED: Pill("warn", "edit", gettext_lazy("Not handed in")),
    Review.RECEIVED: Pill("queued", "s-queued", gettext_lazy("Waiting")),
    Review.PENDING: Pill("queued", "s-queued", gettext_lazy("Waiting")),
    Review.APPROVED: Pill("good", "s-accepted", gettext_lazy("Approved")),
    Review.REJECTED: Pill("failed", "s-failed", gettext_lazy("Rejected")),
    Review.PAUSED: Pill("unsure", "pause", gettext_lazy("Paused")),
    Review.DISABLED: Pill("failed", "s-failed", gettext_lazy("Disabled")),
    Review.UNKNOWN: Pill("queued", "s-queued", gettext_lazy("Not known yet")),
}
_STALE: Final = Pill("unsure", "warn", gettext_lazy("Old address"))


def pill(standing: Standing) -> Pill:
    """The state of a text as one word."""
    if standing.is_stale and standing.state == Review.APPROVED:
        return _STALE
    return _PILLS[standing.state]


def pill_of(state: str) -> Pill:
    return _PILLS.get(state, _PILLS[Review.UNKNOWN])


@dataclass(frozen=True)
class Tab:
    """One language of a template."""

    standing: Standing
    is_here: bool

    @property
    def language(self) -> Language:
        return self.standing.language

    @property
    def code(self) -> str:
        return self.standing.text.language

    @property
    def tag(self) -> str:
        """As browsers write it: `pt-BR`."""
        return self.code.replace("_", "-")

    @property
    def pill(self) -> Pill:
        return pill(self.standing)


def follows(standing: Standing) -> bool:
    """Whether WhatsApp's word on the newest version is still to come."""
    return standing.newest is not None and standing.newest.state in (
        Review.RECEIVED,
        Review.PENDING,
        Review.UNKNOWN,
    )


def stands(standing: Standing) -> str:
    """How it stands, under the title."""
    newest, in_use = standing.newest, standing.in_use
    if newest is None:
        return _("Version 1, a draft. WhatsApp has not seen it yet.")
    if standing.is_draft:
        said = [_("Version {number}, a draft.").format(number=newest.number + 1)]
        if follows(standing):
            said.append(_("Version {number} waits for WhatsApp.").format(number=newest.number))
        kept = _running(standing)
        if in_use and kept:
            said.append(_("Running campaigns keep version {number}.").format(number=in_use.number))
        elif in_use:
            said.append(
                _("Version {number} is sent until WhatsApp approves this one.").format(number=in_use.number)
            )
        return " ".join(said)
    since = words.clock(newest.changed_at)
    match newest.state:
        case Review.APPROVED:
            return _("Version {number}, approved{when}.").format(number=newest.number, when=_on(since))
        case Review.RECEIVED | Review.PENDING:
            told = _("Version {number} waits for WhatsApp since {since}.").format(
                number=newest.number, since=since
            )
            if in_use:
                told += " " + _("Version {number} is sent meanwhile.").format(number=in_use.number)
            return told
        case Review.UNKNOWN:
            return _("Version {number}. It is not known yet whether WhatsApp approved it.").format(
                number=newest.number
            )
        case Review.UNSUBMITTED:
            return _("Version {number}. WhatsApp was not asked about it yet.").format(number=newest.number)
        case _:
            return _("Version {number}, {state}{when}.").format(
                number=newest.number, state=newest.get_state_display().lower(), when=_on(since)
            )


def _on(moment: str) -> str:
    """` at 10:00`, ` on 18 Nov at 10:00`, ` yesterday at 10:00`."""
    day, _space, time = moment.rpartition(" ")
    if not day:
        return _(" at {time}").format(time=time)
    told = _(" on {day} at {time}") if day[0].isdigit() else _(" {day} at {time}")
    return told.format(day=day, time=time)


def _running(standing: Standing) -> bool:
    under_way = (CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.PAUSED)
    refs = standing.text.versions.values("ref")
    return Campaign.objects.filter(state__in=under_way, texts__content_ref__in=refs).exists()


@dataclass(frozen=True)
class Notice:
    """Something about a language that needs the host."""

    tone: str
    title: str
    said: str
    cure: str
    #: another language's text, to be opened
    code: str = ""
    label: str = ""


def notices(tabs: Sequence[Tab]) -> list[Notice]:
    """What WhatsApp has against a text: first of the one that is open, then of the others."""
    found = []
    for tab in sorted(tabs, key=lambda tab: not tab.is_here):
        if tab.is_here or not tab.standing.is_draft:
            notice = _notice(tab)
            if notice:
                found.append(notice)
    return found


def _notice(tab: Tab) -> Notice | None:
    newest = tab.standing.newest
    if newest is None:
        return None
    name = words.language(tab.language.code)
    when = _on(words.clock(newest.changed_at))
    said = f"“{newest.reason}”" if newest.reason else ""
    version = _("{name}, version {number},").format(name=name, number=newest.number) if tab.is_here else name

    def notice(tone: str, title: str, cure: str) -> Notice:
        elsewhere = (
            {} if tab.is_here else {"code": tab.code, "label": _("Open the {name} text").format(name=name)}
        )
        return Notice(tone, title, said, cure, **elsewhere)

    if newest.state == Review.REJECTED:
        return notice(
            "bad",
            _("{version} was rejected{when}.").format(version=version, when=when),
            _("Mend it and ask again: it goes in as a new version."),
        )
    if newest.state == Review.PAUSED:
        return notice(
            "warn",
            _("{version} was paused{when}.").format(version=version, when=when),
            _("WhatsApp does so after complaints and releases it by itself; campaigns with it wait."),
        )
    if newest.state == Review.DISABLED:
        return notice(
            "bad",
            _("{version} was disabled{when}.").format(version=version, when=when),
            _("It can’t be sent any more. Write it anew and ask again."),
        )
    if tab.standing.is_stale:
        return notice(
            "warn",
            _("{version} leads to an old address.").format(version=version),
            _(
                "Its button opens an address that is not this server’s any more. Ask WhatsApp to approve it again."
            ),
        )
    if (
        tab.is_here
        and newest.state == Review.APPROVED
        and newest.category != tab.standing.text.template.category
    ):
        kind = Category(newest.category).label.lower()
        return notice(
            "warn",
            _("WhatsApp counts it as {kind}.").format(kind=kind),
            _("Each message costs what {kind} costs.").format(kind=kind),
        )
    return None


# -- what is to say about it -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of the list of findings."""

    tone: str
    icon: str
    sentence: str
    cure: str
    field: str = ""
    start: int = 0
    end: int = 0
    #: what could stand there, and the words on the button
    fix: str = ""
    label: str = ""
    people: People | None = None

    @property
    def at(self) -> str:
        """The place as the script reads it: numbers in templates get separators."""
        return f"{self.start}:{self.end}"


_LINES: Final = {
    Level.ERROR: ("failed", "s-failed"),
    Level.WARNING: ("unsure", "warn"),
    Level.NOTE: ("unsure", "info"),
}
#: what is said beside its field and not in the list
_BESIDE: Final = ("header", "image", "footer", "button", "category")
_AGAINST: Final = {
    Review.REJECTED: gettext_lazy("WhatsApp rejected exactly this text. Change it first."),
    Review.DISABLED: gettext_lazy("WhatsApp disabled exactly this text. Change it first."),
}
_NUMBERS: Final = (
    gettext_lazy("No things"), gettext_lazy("One thing"), gettext_lazy("Two things"), gettext_lazy("Three things"),
    gettext_lazy("Four things"), gettext_lazy("Five things"), gettext_lazy("Six things"),
    gettext_lazy("Seven things"), gettext_lazy("Eight things"), gettext_lazy("Nine things"),
    gettext_lazy("Ten things"),
)  # fmt: skip


def counted(count: int) -> str:
    """`Three things`."""
    return (
        str(_NUMBERS[count])
        if count < len(_NUMBERS)
        else ngettext("{n} thing", "{n} things", count).format(n=f"{count:,}")
    )


def _line(finding: Finding) -> Line:
    tone, icon = _LINES[finding.level]
    name = finding.fix.strip("{}").partition("|")[0]
    if not finding.fix:
        label = _("Show me") if finding.end > finding.start else ""
    elif finding.rule == "two_fallbacks":
        label = _("Make them alike")
    elif finding.rule == "fallback_empty":
        label = _("Take the bar out")
    else:
        label = _("Use {name}").format(name=name) if finding.fix.startswith("{{") else _("Mend it")
    return Line(
        tone, icon, shown(finding.sentence), shown(finding.cure),
        finding.field, finding.start, finding.end, finding.fix, label,
    )  # fmt: skip


def _among_guests(event: Event, seen: Survey, known: frozenset[str]) -> Iterator[Line]:
    """What the text becomes for the guests of this event."""
    if seen.too_long.count:
        yield Line(
            *_LINES[Level.WARNING],
            _too_long(seen),
            ngettext(
                "WhatsApp takes {most} characters; it is left out.",
                "WhatsApp takes {most} characters; they are left out.",
                seen.too_long.count,
            ).format(most=f"{rules.MOST_IN_BODY:,}"),
            people=seen.too_long,
        )
    for slot, people in seen.lacking.items():
        if slot.name not in known:
            continue
        named = slot.name.replace("_", " ")
        if people.count == seen.readers and slot.name in ("event_location", "map_link"):
            is_place = slot.name == "event_location"
            sentence = (
                _("This event has no place yet.") if is_place else _("This event has no link to a map yet.")
            )
        else:
            if seen.is_cut:
                sentence = _("{n} of the first {all} guests have no {named}.").format(
                    n=f"{people.count:,}", all=f"{seen.readers:,}", named=named
                )
            else:
                sentence = ngettext(
                    "{n} guest has no {named}.", "{n} guests have no {named}.", people.count
                ).format(n=f"{people.count:,}", named=named)
        one = people.count == 1
        if slot.fallback:
            reads = _("This guest reads “{text}”.") if one else _("They read “{text}”.")
            yield Line(*_LINES[Level.NOTE], sentence, reads.format(text=slot.fallback), people=people)
        else:
            fallback = "{{" + slot.name + "|…}}"
            cure = ngettext(
                "This guest is left out. To reach this one, write {fallback}.",
                "They are left out. To reach them, write {fallback}.",
                people.count,
            ).format(fallback=fallback)
            yield Line(*_LINES[Level.WARNING], sentence, cure, people=people)


def _too_long(seen: Survey) -> str:
    count = seen.too_long.count
    if seen.is_cut:  # not everybody was looked at
        told = ngettext(
            "{n} message of the first {all} would be too long.",
            "{n} messages of the first {all} would be too long.",
            count,
        )
        return told.format(n=f"{count:,}", all=f"{seen.readers:,}")
    return ngettext("{n} message would be too long.", "{n} messages would be too long.", count).format(
        n=f"{count:,}"
    )


@dataclass(frozen=True)
class Run:
    """A run of the text behind the field."""

    text: str
    css: str = ""


def painted(text: str, findings: Sequence[Finding], known: frozenset[str]) -> list[Run]:
    """The text of the body with its variables and faults marked."""
    marks = ["" for _ in text]
    for match in variables.VARIABLE.finditer(text):
        css = "var" if match[1] in known else "var var--bad"
        marks[match.start() : match.end()] = [css] * len(match[0])
    for level, css in ((Level.WARNING, "var var--warn"), (Level.ERROR, "var var--bad")):
        for each in findings:
            if each.field == "body" and each.level is level:
                marks[each.start : each.end] = [css] * (min(each.end, len(text)) - each.start)
    ends = {match.end() for match in variables.VARIABLE.finditer(text)}
    runs: list[Run] = []
    start = 0
    for place in range(1, len(text) + 1):
        # two variables side by side are two marks
        if place == len(text) or marks[place] != marks[start] or (marks[start] and place in ends):
            runs.append(Run(text[start:place], marks[start]))
            start = place
    return runs


@dataclass(frozen=True)
class Chip:
    """A variable that is offered."""

    name: str
    becomes: str
    means: str


@dataclass(frozen=True)
class Look:
    """Everything about what is typed that changes while it is typed."""

    typed: Typed
    findings: list[Finding]
    lines: list[Line]
    #: field -> what is wrong with it
    beside: dict[str, Finding]
    #: mistakes that WhatsApp would reject
    errors: int
    paint: list[Run]
    counter: str
    counter_for: str
    #: of how many first ones that is the longest, where not everybody was looked at
    counter_among: str
    bubble: Bubble
    guest: Guest | None
    reads: str
    at: int
    of: int
    chips: list[Chip]
    #: why WhatsApp can't be asked now; empty when it can
    why_not: str

    @property
    def said(self) -> str:
        """For whoever listens."""
        notes = len(self.lines) - sum(line.tone == "failed" for line in self.lines)
        told = [_("{counted} to mend").format(counted=counted(self.errors))] if self.errors else []
        if notes:
            told.append(
                _("{counted} to know").format(counted=counted(notes).lower() if told else counted(notes))
            )
        return ", ".join(told) or _("Nothing to mend")

    @property
    def before(self) -> str:
        return str(self.at - 1) if self.at > 1 else ""

    @property
    def after(self) -> str:
        return str(self.at + 1) if self.at < self.of else ""

    @property
    def place(self) -> str:
        return str(self.at)

    @property
    def body_is_wrong(self) -> bool:
        return any(each.field == "body" and each.level is Level.ERROR for each in self.findings)

    @property
    def header_count(self) -> int:
        return len(self.typed.header)

    @property
    def footer_count(self) -> int:
        return len(self.typed.footer)

    @property
    def replies(self) -> list[tuple[str, str, Finding | None]]:
        return [(key, title, self.beside.get(name)) for key, title, name in self.typed.slots_for_replies]

    @property
    def link_error(self) -> Finding | None:
        return self.beside.get(self.typed.link_field)


def look(event: Event, standing: Standing, texts: Sequence[Standing], typed: Typed, at: int) -> Look:
    """Read what is typed, for the nth guest of the event; 0 for the first one who reads this language."""
    template, language = standing.text.template, standing.text.language
    components = typed.components
    columns = [
        name for name in guest_fields.columns(event) if variables.VARIABLE.fullmatch(f"{{{{{name}}}}}")
    ]
    known = variables.known_names(event, columns)
    findings = rules.check(components, known=known, category=typed.category, language=language)
    have = [each.text.language for each in texts]
    fallback = template.fallback_language
    seen = survey(event, components, language, have=have, fallback=fallback, columns=columns[:_MOST_OFFERED])
    total = event.guests.count()
    at = max(1, min(at or seen.first, total or 1))
    guest = event.guests.order_by("pk")[at - 1 : at].first() if total else None
    if guest:
        values = variables.values_for(event, guest, language)
        reads = languages.best(guest.language or event.language, have, fallback)
    else:
        values, reads = variables.sample_values(event, language, columns), language
    beside: dict[str, Finding] = {}
    for finding in findings:
        if finding.field.partition(".")[0] in _BESIDE:
            beside.setdefault(finding.field, finding)
    listed = [_line(each) for each in findings if each.field.partition(".")[0] not in _BESIDE]
    lines = [*listed, *_among_guests(event, seen, known)]
    lines.sort(key=lambda line: ("failed", "unsure").index(line.tone))
    # as many as are shown: beside a field stands one
    shown = [each for each in findings if each.field not in beside or each is beside[each.field]]
    errors = sum(each.level is Level.ERROR for each in shown)
    longest = seen.longest if seen.readers else length_with(components, values)
    return Look(
        typed=typed,
        findings=findings,
        lines=lines,
        beside=beside,
        errors=errors,
        paint=painted(typed.body, findings, known),
        counter=_counter(seen, total, longest),
        counter_for=seen.longest_for if seen.readers else "",
        counter_among=f"{seen.readers:,}" if seen.readers and seen.is_cut else "",
        bubble=bubble(components, values, event, findings),
        guest=guest,
        reads="" if reads == language else (words.language(reads) if reads else "nothing"),
        at=at,
        of=total,
        chips=_chips(event, columns, values, seen),
        why_not=why_not(standing, typed, errors),
    )


def _counter(seen: Survey, total: int, longest: int) -> str:
    """How long it is, of how much; of whom the page says where somebody reads it."""
    if not total:
        said = _("{n} of {most} with sample data")
    elif not seen.readers:
        said = _("{n} of {most} for nobody on the list yet")
    else:
        said = _("{n} of {most}")
    return said.format(n=f"{longest:,}", most=f"{rules.MOST_IN_BODY:,}")


def _yours(empty: int, seen: Survey) -> str:
    """Of how many guests a column of the list is empty."""
    if seen.is_cut:
        return _("yours: {n} of the first {all} empty").format(n=f"{empty:,}", all=f"{seen.readers:,}")
    return _("yours: {n} empty").format(n=f"{empty:,}")


def _chips(event: Event, columns: Sequence[str], values: Mapping[str, str], seen: Survey) -> list[Chip]:
    own = [name for name in event.fields if variables.VARIABLE.fullmatch(f"{{{{{name}}}}}")]
    listed = [name for name in columns if name not in variables.NAMES and name not in own]
    chips = [
        Chip(each.name, values.get(each.name) or _("empty"), shown(each.means)) for each in variables.BUILT_IN
    ]
    chips += [Chip(name, values.get(name) or _("empty"), _("Of this event")) for name in own]
    for name in listed[:_MOST_OFFERED]:
        empty = seen.empty[name]
        becomes = _yours(empty, seen) if empty else values.get(name) or _("yours")
        chips.append(Chip(name, becomes, _("A column of your list")))
    return [Chip(chip.name, _shortly(chip.becomes), chip.means) for chip in chips]


def _shortly(text: str) -> str:
    return text if len(text) <= 32 else f"{text[:31]}…"


def why_not(standing: Standing, typed: Typed, errors: int) -> str:
    """Why WhatsApp can't be asked to approve this; empty when it can."""
    if errors:
        return _("{counted} to mend before WhatsApp can be asked.").format(counted=counted(errors))
    newest = standing.newest
    if newest is None or newest.components != typed.components or newest.state == Review.UNSUBMITTED:
        return ""
    if newest.link_base not in ("", variables.link_base()):
        return ""
    match newest.state:
        case Review.RECEIVED | Review.PENDING | Review.UNKNOWN:
            return _("WhatsApp has this text and has not answered yet.")
        case Review.PAUSED:
            return _("WhatsApp paused this text and releases it by itself.")
    if newest.category != typed.category:
        return ""
    if newest.state == Review.APPROVED:
        return _("WhatsApp approved this text as it is.")
    return str(_AGAINST.get(Review(newest.state), _AGAINST[Review.REJECTED]))


# -- the page --------------------------------------------------------------------------------------------------


def tabs_of(template: MessageTemplate, account: str, language: str) -> list[Tab]:
    """All languages of a template; the one that is asked for is open, else the first."""
    found = library.standings(template, account)
    codes = [standing.text.language for standing in found]
    here = language if language in codes else (codes[0] if codes else "")
    for standing in found:
        standing.text.template = template
    return [Tab(standing, standing.text.language == here) for standing in found]


def saved(text: TemplateText) -> str:
    """`10:31`, `18 Nov 10:31`."""
    return words.clock(timezone.localtime(text.saved_at))


def page(
    event: Event, template: MessageTemplate, tabs: Sequence[Tab], typed: Typed | None, at: int
) -> dict[str, Any]:
    """What the editor shows."""
    here = next(tab for tab in tabs if tab.is_here)
    texts = [tab.standing for tab in tabs]
    kept = Typed.of(here.standing.text)
    return {
        "template": template,
        "tabs": tabs,
        "tab": here,
        "text": here.standing.text,
        "kinds": KINDS,
        "stands": stands(here.standing),
        "follows": any(follows(tab.standing) for tab in tabs),
        "here_follows": follows(here.standing),
        "notices": notices(tabs),
        "saved_at": saved(here.standing.text),
        "is_unsaved": typed is not None and typed.components != kept.components,
        "look": look(event, here.standing, texts, typed or kept, at),
    }
