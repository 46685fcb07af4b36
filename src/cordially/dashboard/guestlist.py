"""The guest list as the host asked for it: search, filters, figures, and the rows of one page.

However long the list is, a page costs the same few queries.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, CharField, Count, F, FilteredRelation, Q, QuerySet, Sum, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cordially.events.models import Event
from cordially.guests.importing import name_key
from cordially.guests.models import Guest
from cordially.guests.phones import format_phone
from cordially.guests.texts import clean
from cordially.invitations.campaigns import Tally
from cordially.invitations.lifecycle import LIVE, State
from cordially.invitations.models import Invitation
from cordially.rsvp.models import Answer, Reply
from cordially.templating.variables import personal_link

from . import sets, words
from .asked import whole
from .shown import shown

PAGE = 50

NEW = "new"
BLOCKED = "blocked"
IN_PERSON = "person"
SILENT = "none"

#: where a guest stands: one of the states, or one of those that stand beside them
BUCKETS = (NEW, *(state.value for state in words.ORDER), BLOCKED, IN_PERSON)
LABELS = {
    NEW: gettext_lazy("Not invited"),
    BLOCKED: gettext_lazy("Can’t be invited"),
    IN_PERSON: gettext_lazy("Invited in person"),
    **{s.value: s.label for s in State},
}
ANSWERS = {
    Reply.YES.value: gettext_lazy("Coming"),
    Reply.MAYBE.value: gettext_lazy("Maybe"),
    Reply.NO.value: gettext_lazy("Can’t come"),
    SILENT: gettext_lazy("No answer"),
}
SORTS = {
    "": ("pk",),
    "name": ("name_key", "pk"),
    "-name": ("-name_key", "pk"),
    "changed": (F("inv__changed_at").desc(nulls_last=True), "pk"),
    "group": ("group", "pk"),
    "party": ("-party_size", "pk"),
    "answer": (F("ans__reply").desc(nulls_last=True), F("ans__heads").desc(nulls_last=True), "pk"),
}

OPTED_OUT = gettext_lazy("Asked not to be written to")

#: states that say more about a guest than whether a message can reach them
TOLD = [state.value for state in State if state is not State.SKIPPED]
_MET = Q(in_person_at__isnull=False)
_UNREACHABLE = Q(phone="") | Q(opted_out_at__isnull=False)
#: what a filter by language calls those who have none of their own
OWN_LANGUAGE = "-"


@dataclass(frozen=True)
class Filter:
    """What the address asks for. A view is only an address, so it can be sent to a colleague."""

    q: str = ""
    show: str = ""
    answer: str = ""
    campaign: int | None = None
    sort: str = ""
    #: one of the named sets of `sets.Only`
    only: str = ""
    group: str = ""
    #: a tag as it is compared
    tag: str = ""
    language: str = ""

    @classmethod
    def read(cls, params: Mapping[str, Any]) -> Filter:
        def one_of(name: str, known: Iterable[str]) -> str:
            value = str(params.get(name, ""))
            return value if value in known else ""

        return cls(
            q=clean(str(params.get("q", "")), 100),
            show=one_of("show", BUCKETS),
            answer=one_of("answer", ANSWERS),
            campaign=whole(params.get("campaign")),
            sort=one_of("sort", SORTS),
            only=one_of("only", list(sets.Only)),
            group=clean(str(params.get("group", "")), 80),
            tag=name_key(clean(str(params.get("tag", "")), 40)),
            language=clean(str(params.get("language", "")), 10),
        )

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What is set, as a form or an address carries it."""
        every = {
            "q": self.q,
            "show": self.show,
            "answer": self.answer,
            "campaign": str(self.campaign or ""),
            "only": self.only,
            "group": self.group,
            "tag": self.tag,
            "language": self.language,
            "sort": self.sort,
        }
        return [(name, value) for name, value in every.items() if value]

    @property
    def query(self) -> str:
        return urlencode(self.pairs)

    @property
    def narrows(self) -> bool:
        return bool(self.show or self.answer or self.picks)

    @property
    def picks(self) -> bool:
        """Whether it takes a part of the list, whatever became of those."""
        return bool(self.q or self.campaign or self.only or self.group or self.tag or self.language)

    def but(self, **changes: Any) -> str:
        """The address of the same view with one thing different."""
        return f"?{replace(self, **changes).query}"


_TAGGED: Any = Guest.tags.through


def _digits(text: str) -> str:
    return "".join(str(unicodedata.digit(sign)) for sign in text if unicodedata.digit(sign, None) is not None)


def _found(q: str) -> Q:
    """By name as it is compared, by a tag, or by the digits of a number however they are grouped."""
    key = name_key(q)
    wanted = Q(name_key__contains=key) | Q(pk__in=_TAGGED.objects.filter(tag__name_key=key).values("guest"))
    digits = _digits(q).lstrip("0")
    if len(digits) >= 2 and not any(sign.isalpha() for sign in q):
        wanted |= Q(phone__contains=digits) | Q(phone_raw__contains=q)
    return wanted


def _related(event: Event, wanted: Filter, of: QuerySet[Any] | None = None) -> QuerySet[Any]:
    """The event's guests, each beside the invitation and the answer that count, and where it stands.

    `of`: all guests there are, if not those on the list.
    """
    guests: QuerySet[Any] = (Guest.objects.all() if of is None else of).filter(event=event)
    if wanted.q:
        guests = guests.filter(_found(wanted.q))
    if wanted.group:
        guests = guests.filter(group=wanted.group)
    if wanted.tag:
        tagged = _TAGGED.objects.filter(tag__event=event, tag__name_key=wanted.tag)
        guests = guests.filter(pk__in=tagged.values("guest"))
    if wanted.language:
        guests = guests.filter(language="" if wanted.language == OWN_LANGUAGE else wanted.language)
    which = Q(invitations__campaign=wanted.campaign) if wanted.campaign else Q(invitations__is_current=True)
    related: QuerySet[Any] = guests.annotate(
        inv=FilteredRelation("invitations", condition=which),
        ans=FilteredRelation("answers", condition=Q(answers__is_current=True)),
    )
    if wanted.campaign:
        bucket: Any = F("inv__state")
        related = related.filter(inv__isnull=False)
    else:
        bucket = Case(
            When(inv__state__in=TOLD, then=F("inv__state")),
            When(_MET, then=Value(IN_PERSON)),
            When(_UNREACHABLE, then=Value(BLOCKED)),
            When(inv__state=State.SKIPPED, then=Value(State.SKIPPED.value)),
            default=Value(NEW),
            output_field=CharField(),
        )
    found: QuerySet[Any] = related.annotate(bucket=bucket)
    return found.filter(sets.condition(wanted.only, event)) if wanted.only else found


def matching(event: Event, wanted: Filter) -> QuerySet[Guest]:
    """Everybody whom the filter finds."""
    found = _related(event, wanted)
    if wanted.show:
        found = found.filter(bucket=wanted.show)
    if wanted.answer:
        found = (
            found.filter(ans__isnull=True)
            if wanted.answer == SILENT
            else found.filter(ans__reply=wanted.answer)
        )
    return found.order_by(*SORTS[wanted.sort])


def chosen(event: Event, wanted: Filter) -> QuerySet[Guest]:
    """The same people as plain rows of the guest table, for whoever works on them further."""
    return Guest.objects.filter(event=event, pk__in=matching(event, wanted).order_by().values("pk"))


@dataclass
class Figures:
    """How many stand where: by bucket and by answer, within the search."""

    buckets: Counter[str] = field(default_factory=Counter)
    replies: Counter[str] = field(default_factory=Counter)
    #: by both; counted only where a tab or a chip is chosen, and where the search finds a part
    matrix: Counter[tuple[str, str]] = field(default_factory=Counter)
    heads: Counter[str] = field(default_factory=Counter)

    def count(self, show: str = "", answer: str = "") -> int:
        if show and answer:
            return self.matrix[show, answer]
        return self.buckets[show] if show else self.replies[answer] if answer else self.buckets.total()

    @property
    def total(self) -> int:
        return self.count()

    @property
    def fresh(self) -> int:
        """Not invited yet, and can be."""
        return self.count(show=NEW)

    @property
    def invited(self) -> int:
        """Whose invitation is on its way, has arrived, or failed on the way."""
        return sum(self.count(show=state.value) for state in {*LIVE, State.FAILED})

    @property
    def coming(self) -> int:
        """People, not answers."""
        return self.heads[Reply.YES.value]


def figures(event: Event, wanted: Filter, counted: Tally) -> Figures:
    """Every figure of the page, in a few queries."""
    people = _related(event, wanted).order_by()
    if wanted.picks:
        return _counted(people)
    # the whole list, each guest beside invitation and answer, costs too much at 100,000
    answers = Answer.objects.filter(event=event, is_current=True).order_by()
    result = Figures(buckets=_buckets(event, counted))
    for reply, number, heads in answers.values_list("reply").annotate(n=Count("pk"), people=Sum("heads")):
        result.replies[reply], result.heads[reply] = number, heads or 0
    result.replies[SILENT] = result.total - result.replies.total()
    if wanted.show or wanted.answer:
        # only the few who answered are joined
        result.matrix = _counted(people.filter(pk__in=answers.values("guest"))).matrix
        for bucket, number in result.buckets.items():
            result.matrix[bucket, SILENT] = number - sum(
                result.matrix[bucket, reply] for reply in Reply.values
            )
    return result


def how_many(event: Event) -> int:
    """Guests on the list; whoever read the event for a page has counted them already."""
    counted = getattr(event, "guest_count", None)
    return event.guests.count() if counted is None else int(counted)


def _counted(people: QuerySet[Any]) -> Figures:
    result = Figures()
    for row in people.values("bucket", "ans__reply").annotate(n=Count("pk"), people=Sum("ans__heads")):
        bucket, reply = row["bucket"], row["ans__reply"] or SILENT
        result.matrix[bucket, reply] += row["n"]
        result.buckets[bucket] += row["n"]
        result.replies[reply] += row["n"]
        result.heads[reply] += row["people"] or 0
    return result


def _buckets(event: Event, counted: Tally) -> Counter[str]:
    """How many of the event's guests are in each bucket."""
    states: dict[str, int] = {state.value: number for state, number in counted.current.items()}
    people = _related(event, Filter()).order_by()
    skipped = State.SKIPPED.value
    found = Counter({state: number for state, number in states.items() if state in TOLD})
    found[skipped] = states.get(skipped, 0)
    lost: Counter[str | None] = Counter()
    met: Counter[str | None] = Counter()
    # one by one: each is answered from an index of its own, together they would be a walk through the list
    of_each = ("inv__state", "phone", "in_person_at")
    for state, _phone, met_at in people.filter(sets.NUMBERLESS).values_list(*of_each):
        if met_at is None:
            lost[state] += 1
    for state, phone, met_at in people.filter(sets.GONE).values_list(*of_each):
        if phone and met_at is None:
            lost[state] += 1
    for state, _phone, _met_at in people.filter(sets.MET).values_list(*of_each):
        met[state] += 1
    for bucket, among_them in ((BLOCKED, lost), (IN_PERSON, met)):
        found[bucket] = sum(number for state, number in among_them.items() if state not in TOLD)
        found[skipped] -= among_them[skipped]
    found[NEW] = how_many(event) - found.total()
    return found


@dataclass(frozen=True)
class Choice:
    """A tab or a chip: a label, how many, and the address that shows exactly those."""

    key: str
    label: str
    count: int
    href: str
    is_on: bool


def tabs(wanted: Filter, found: Figures) -> list[Choice]:
    """By what became of the invitation; only where somebody stands."""
    every = Choice("all", _("All"), found.count(answer=wanted.answer), wanted.but(show=""), not wanted.show)
    return [every] + [
        Choice(bucket, str(LABELS[bucket]), count, wanted.but(show=bucket), wanted.show == bucket)
        for bucket in BUCKETS
        if (count := found.count(show=bucket, answer=wanted.answer)) or wanted.show == bucket
    ]


def chips(wanted: Filter, found: Figures) -> list[Choice]:
    """By what the guest said. A second press takes it off."""
    return [
        Choice(
            answer, str(label), found.count(show=wanted.show, answer=answer),
            wanted.but(answer="" if wanted.answer == answer else answer), wanted.answer == answer,
        )
        for answer, label in ANSWERS.items()
    ]  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One guest as the list shows them."""

    guest: Guest
    invitation: Invitation | None
    current: Invitation | None
    answer: Answer | None
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The id as text: numbers in templates get separators."""
        return str(self.guest.pk)

    @property
    def phone(self) -> str:
        return format_phone(self.guest.phone) if self.guest.phone else ""

    @property
    def obstacle(self) -> str:
        """Why nothing can be sent to this guest, or nothing."""
        if self.guest.in_person_at:
            return ""
        if not self.guest.phone:
            return shown(self.guest.phone_note) or str(self.guest.get_phone_problem_display())
        return str(OPTED_OUT) if self.guest.opted_out_at else ""

    @property
    def shown(self) -> Invitation | None:
        """An invitation that says less than the obstacle gives way to it."""
        skipped = self.invitation is not None and self.invitation.state == State.SKIPPED
        said_less = self.invitation is None or (skipped and (self.obstacle or self.guest.in_person_at))
        return None if said_less else self.invitation

    @property
    def state(self) -> State | None:
        return State(self.shown.state) if self.shown else None

    @property
    def tone(self) -> str:
        if self.state:
            return self.state.value
        return "delivered" if self.guest.in_person_at else ("skipped" if self.obstacle else "")

    @property
    def label(self) -> str:
        if self.state:
            return str(self.state.label)
        if self.guest.in_person_at:
            return str(LABELS[IN_PERSON])
        return str(LABELS[BLOCKED]) if self.obstacle else _("Not invited yet")

    @property
    def beside(self) -> str:
        """The moment, or the reason where there is one."""
        if not self.shown:
            return self.obstacle
        if self.state in (State.FAILED, State.SKIPPED):
            return words.with_code(self.shown.reason, self.shown.code)
        return words.when(self.shown)

    @property
    def explains(self) -> bool:
        """Whether what stands beside is a sentence rather than a time."""
        return bool(self.obstacle and not self.shown) or self.state in (State.FAILED, State.SKIPPED)

    @property
    def story(self) -> str:
        return words.what_happened(self.shown) if self.shown else self.obstacle

    @property
    def can_send(self) -> bool:
        taken = self.current is not None and self.current.state in {*LIVE, State.FAILED}
        return not self.obstacle and not taken and not self.guest.in_person_at

    @property
    def can_retry(self) -> bool:
        return not self.obstacle and self.current is not None and self.current.state == State.FAILED

    @property
    def link(self) -> str:
        """The personal page, for those whom no message reaches: to be handed on another way."""
        unreached = self.obstacle and not self.guest.opted_out_at
        return personal_link(self.guest.token) if unreached or self.can_retry else ""

    @property
    def acts(self) -> bool:
        return self.can_send or self.can_retry or bool(self.link)

    @property
    def current_key(self) -> str:
        return str(self.current.pk) if self.current else ""

    @property
    def said(self) -> str:
        if self.answer is None:
            return ""
        label = str(ANSWERS[self.answer.reply])
        return f"{label} · {self.answer.heads}" if self.answer.heads else label


def rows(guests: Iterable[Guest], campaign: int | None = None, *, tagged: bool = True) -> list[Row]:
    """These guests with what became of each: four queries; three without their tags."""
    listed = list(guests)
    keys = [guest.pk for guest in listed]
    which = Q(is_current=True) | Q(campaign=campaign) if campaign else Q(is_current=True)
    current: dict[int, Invitation] = {}
    asked: dict[int, Invitation] = {}
    for invitation in Invitation.objects.filter(which, guest__in=keys):
        if invitation.is_current:
            current[invitation.guest_id] = invitation
        if invitation.campaign_id == campaign or not campaign:
            asked[invitation.guest_id] = invitation
    answers = {answer.guest_id: answer for answer in Answer.objects.filter(guest__in=keys, is_current=True)}
    tags: dict[int, list[str]] = {}
    found = (
        _TAGGED.objects.filter(guest__in=keys).order_by("tag__name_key") if tagged else _TAGGED.objects.none()
    )
    for pk, tag in found.values_list("guest", "tag__name"):
        tags.setdefault(pk, []).append(tag)
    return [
        Row(
            guest,
            asked.get(guest.pk),
            current.get(guest.pk),
            answers.get(guest.pk),
            tuple(tags.get(guest.pk, ())),
        )
        for guest in listed
    ]


def picked(wanted: Filter) -> list[tuple[str, str, str]]:
    """(what it is, which, the address without it) of the filters by group, tag and language."""
    told = []
    if wanted.group:
        told.append((_("Group"), wanted.group, wanted.but(group="")))
    if wanted.tag:
        told.append((_("Tag"), wanted.tag, wanted.but(tag="")))
    if wanted.language:
        told.append((_("Language"), language_name(wanted.language), wanted.but(language="")))
    return told


def language_name(code: str) -> str:
    """`Hebrew` of `he`."""
    return _("the event’s own") if code == OWN_LANGUAGE else words.language(code)


@dataclass(frozen=True)
class Choices:
    """What the list can be narrowed to."""

    groups: list[str]
    tags: list[tuple[str, str]]
    languages: list[tuple[str, str]]


def choices(event: Event) -> Choices:
    """Groups, tags and languages that there are: three queries, whatever the list."""
    spoken = event.guests.order_by("language").values_list("language", flat=True).distinct()[:60]
    return Choices(
        groups=list(
            event.guests.exclude(group="").order_by("group").values_list("group", flat=True).distinct()[:200]
        ),
        tags=list(event.tags.order_by("name_key").values_list("name_key", "name")[:200]),
        languages=[(code or OWN_LANGUAGE, language_name(code or OWN_LANGUAGE)) for code in spoken],
    )
