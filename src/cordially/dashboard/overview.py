"""An event at a glance: the figures, what needs the host, and whether reports arrive.

However long the list is, everything here costs the same few queries.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace

from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, Sum, Window
from django.db.models.functions import RowNumber
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cordially.events.models import Event
from cordially.guests.models import PhoneProblem
from cordially.invitations.campaigns import Tally, tally
from cordially.invitations.hearing import MOST, Cause, Hearing, hearing
from cordially.invitations.lifecycle import State
from cordially.invitations.models import (
    Campaign,
    CampaignState,
    Invitation,
    MessageTemplate,
    Review,
    Sender,
    SenderState,
    TemplateVersion,
)
from cordially.invitations.senders import account_of, known_sender
from cordially.lib.clock import now as clock_now
from cordially.rsvp.models import Answer, Reply

from . import sets, words
from .guestlist import TOLD, how_many
from .sets import Only
from .shown import shown

#: who of a group is named
_NAMED = 3
_SENDS = 5
_TABLES = 6
#: a word of WhatsApp's after which a text can't be sent
_BAD = (Review.REJECTED, Review.PAUSED, Review.DISABLED)


@dataclass
class Group:
    """Guests who are mended together."""

    count: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, count: int) -> None:
        self.count += count

    def name(self, name: str) -> None:
        if len(self.names) < _NAMED:
            self.names.append(name)

    @property
    def others(self) -> int:
        return self.count - len(self.names)


@dataclass
class Figures:
    """Where everybody of an event stands."""

    tally: Tally
    #: the newest first
    campaigns: list[Campaign]
    guests: int = 0
    #: not invited yet, and can be
    fresh: int = 0
    #: of them, since the newest campaign began
    added: int = 0
    replies: Counter[str] = field(default_factory=Counter)
    #: people by what was said
    heads: Counter[str] = field(default_factory=Counter)
    #: invited guests who answered
    heard_from: int = 0
    groups: dict[Only, Group] = field(default_factory=lambda: defaultdict(Group))
    opted_out: int = 0
    #: left out of a campaign although they have a number: reason -> how many
    left_out: list[tuple[str, int]] = field(default_factory=list)

    @property
    def states(self) -> Counter[State]:
        """Of what is current for each guest."""
        return self.tally.current

    @property
    def invited(self) -> int:
        return sum(self.states[state] for state in sets.INVITED)

    @property
    def uninvited(self) -> int:
        return self.guests - self.invited

    @property
    def arrived(self) -> int:
        return sum(self.states[state] for state in sets.ARRIVED)

    @property
    def read(self) -> int:
        return self.states[State.READ]

    @property
    def on_the_way(self) -> int:
        return sum(self.states[state] for state in sets.ON_THE_WAY)

    @property
    def answered(self) -> int:
        return self.replies.total()

    @property
    def silent(self) -> int:
        return self.invited - self.heard_from

    @property
    def coming(self) -> int:
        """People, not answers."""
        return self.heads[Reply.YES]

    @property
    def newest(self) -> Campaign | None:
        return self.campaigns[0] if self.campaigns else None

    @property
    def sends(self) -> list[tuple[Campaign, dict[State, int]]]:
        return [(campaign, self.tally.of(campaign)) for campaign in self.campaigns[:_SENDS]]


def figures(event: Event) -> Figures:
    """Nine queries at most."""
    found = Figures(
        tally(event), list(event.campaigns.select_related("sender", "created_by").order_by("-pk"))
    )
    _count_unreachable(event, found)
    _count_failed(event, found)
    _count_answers(event, found)
    return found


def _with_invitation(event: Event) -> FilteredRelation:
    return FilteredRelation("invitations", condition=Q(invitations__is_current=True))


def _count_unreachable(event: Event, found: Figures) -> None:
    """Who can't be written to and why; and so, who is still to be invited."""
    found.guests = how_many(event)
    beside = event.guests.order_by().alias(inv=_with_invitation(event))
    # in two: each is answered from an index of its own, together they would be a walk through the list
    without = beside.filter(sets.NUMBERLESS).annotate(gone=Q(opted_out_at__isnull=False))
    rows = list(without.values_list("phone_problem", "gone", "inv__state").annotate(n=Count("pk")))
    opted_out = beside.filter(sets.GONE).exclude(phone="")
    rows += [
        (PhoneProblem.NONE.value, True, state, count)
        for state, count in opted_out.values_list("inv__state").annotate(n=Count("pk"))
    ]
    hidden, left_out = 0, found.states[State.SKIPPED]
    unsettled = Counter[PhoneProblem]()
    for problem, is_gone, state, count in rows:
        found.opted_out += count if is_gone else 0
        if state in TOLD:
            continue
        hidden += count
        left_out -= count if state == State.SKIPPED else 0
        if not is_gone:
            unsettled[PhoneProblem(problem)] += count
    told = sum(count for state, count in found.states.items() if state in TOLD)
    found.fresh = found.guests - told - hidden - left_out
    found.added = _count_added(event, found)
    for kind, count in unsettled.items():
        found.groups[sets.PROBLEMS[kind]].add(count)
    if unsettled:
        place = Window(RowNumber(), partition_by=[F("phone_problem")], order_by=F("pk").asc())
        # told or not: the names of those who were invited at another number are taken out here
        lost = beside.filter(phone="", opted_out_at=None).filter(
            Q(inv__isnull=True) | Q(inv__state=State.SKIPPED)
        )
        ranked = lost.annotate(place=place).filter(place__lte=_NAMED).order_by("pk")
        for problem, name in ranked.values_list("phone_problem", "name"):
            found.groups[sets.PROBLEMS[PhoneProblem(problem)]].name(name)
    if left_out:
        _count_left_out(event, found)


def _count_added(event: Event, found: Figures) -> int:
    """Who can be invited and came to the list after the newest campaign began."""
    if found.newest is None:
        return found.fresh
    if not found.fresh:
        return 0
    # guests come in the order of their ids: from the end of the list back to the first who was there before
    before = event.guests.filter(created_at__lte=found.newest.created_at).order_by("-pk")
    last = before.values_list("pk", flat=True).first() or 0
    added = event.guests.filter(pk__gt=last, opted_out_at=None).exclude(phone="")
    return added.alias(inv=_with_invitation(event)).filter(inv__isnull=True).count()


def _count_left_out(event: Event, found: Figures) -> None:
    skipped = Invitation.objects.filter(
        campaign__in=[one.pk for one in found.campaigns], is_current=True, state=State.SKIPPED
    ).exclude(Q(guest__phone="") | Q(guest__opted_out_at__isnull=False))
    found.left_out = list(skipped.order_by().values_list("reason").annotate(n=Count("pk")).order_by("-n"))


def _count_failed(event: Event, found: Figures) -> None:
    if not found.states[State.FAILED]:
        return
    failed = Invitation.objects.filter(
        campaign__in=[one.pk for one in found.campaigns], is_current=True, state=State.FAILED
    ).order_by()
    ranked = failed.annotate(
        place=Window(RowNumber(), partition_by=[F("code")], order_by=F("pk").asc()),
        of_code=Window(Count("pk"), partition_by=[F("code")]),
    ).filter(place__lte=_NAMED)
    for code, name, place, count in ranked.order_by("pk").values_list(
        "code", "guest__name", "place", "of_code"
    ):
        group = found.groups[sets.FAILURES[sets.mend_of(code)]]
        group.name(name)
        if place == 1:
            group.add(count)


def _count_answers(event: Event, found: Figures) -> None:
    said = Answer.objects.filter(event=event, is_current=True).order_by()
    for reply, count, people in said.values_list("reply").annotate(n=Count("pk"), people=Sum("heads")):
        found.replies[reply] += count
        found.heads[reply] += people or 0
    if found.invited:
        invited = Invitation.objects.filter(guest=OuterRef("guest"), is_current=True, state__in=sets.INVITED)
        found.heard_from = said.filter(Exists(invited)).count()


@dataclass(frozen=True)
class Tables:
    """People who come, by the group of their guest: those that most come from, then the rest, then the sum."""

    groups: list[tuple[str, int]]
    coming: int


def tables(event: Event) -> Tables:
    """One query."""
    said = Answer.objects.filter(event=event, is_current=True, reply=Reply.YES).order_by()
    people = Counter(dict(said.values_list("guest__group").annotate(Sum("heads"))))
    coming = people.total()
    named = [(name, count) for name, count in people.most_common() if name][:_TABLES]
    rest = coming - sum(count for _name, count in named)
    return Tables([*named, *([("", rest)] if rest and named else [])], coming)


# --- the funnel


@dataclass(frozen=True)
class Step:
    """One stage of the funnel: a figure, whose they are, and how broad the ribbon is there (0 to 100)."""

    key: str
    label: str
    value: int
    note: str
    href: str
    tone: str
    breadth: float

    @property
    def share(self) -> str:
        return f"{self.breadth:.1f}%"


def funnel(found: Figures, people: str) -> list[Step]:
    """`people`: the address of the guest list."""

    def breadth(count: int) -> float:
        return min(100.0, count / found.invited * 100) if found.invited else 0.0

    percent = round(found.arrived / found.invited * 100) if found.invited else 0
    yes, no, maybe = (found.replies[reply] for reply in (Reply.YES, Reply.NO, Reply.MAYBE))
    return [
        Step(
            "invited", _("Invited"), found.invited,
            ngettext("of %(n)s guest", "of %(n)s guests", found.guests) % {"n": f"{found.guests:,}"},
            f"{people}?only={Only.INVITED}", "queued", breadth(found.invited),
        ),
        Step(
            "delivered", _("Delivered"), found.arrived, _("%(n)d%% of those invited") % {"n": percent},
            f"{people}?only={Only.ARRIVED}", "delivered", breadth(found.arrived),
        ),
        Step(
            "read", _("Read"), found.read, _("at least: some hide it"),
            f"{people}?show={State.READ.value}", "read", breadth(found.read),
        ),
        Step(
            "answered", _("Answered"), found.answered,
            _("%(yes)s yes, %(no)s no, %(maybe)s maybe")
            % {"yes": f"{yes:,}", "no": f"{no:,}", "maybe": f"{maybe:,}"},
            f"{people}?only={Only.ANSWERED}", "answered", breadth(found.answered),
        ),
        Step(
            "coming", _("People coming"), found.coming,
            ngettext("from %(n)s answer", "from %(n)s answers", yes) % {"n": f"{yes:,}"},
            f"{people}?answer={Reply.YES.value}", "accent", breadth(yes),
        ),
    ]  # fmt: skip


#: the ribbon's own measures: 1000 wide, 100 high, 84 at its broadest
_STAGE = 200
_BROADEST = 84.0
_THINNEST = 1.5


@dataclass(frozen=True)
class Ribbon:
    """The funnel as a picture: (tone, path) for each stage, and the two stitched seams."""

    stages: list[tuple[str, str]]
    seams: list[str]


def ribbon(steps: list[Step]) -> Ribbon:
    tops = [50 - max(step.breadth * _BROADEST / 100, _THINNEST) / 2 for step in steps]
    stages = []
    for place, (step, top) in enumerate(zip(steps, tops, strict=True)):
        left, right = place * _STAGE, (place + 1) * _STAGE
        if place == len(steps) - 1:
            path = f"M{left} {top:.1f}H966L944 50L966 {100 - top:.1f}H{left}z"
        else:
            then, low, lower = tops[place + 1], 100 - tops[place + 1], 100 - top
            path = f"M{left} {top:.1f}{_bend(top, then, left)}V{low:.1f}C{right - 36} {low:.1f} "
            path += f"{right - 36} {lower:.1f} {right - 76} {lower:.1f}H{left}z"
        stages.append((step.tone, path))
    return Ribbon(stages, [seam for sign in (1, -1) if (seam := _seam(tops, sign))])


def _bend(top: float, then: float, left: int) -> str:
    right = left + _STAGE
    return f"H{right - 76}C{right - 36} {top:.1f} {right - 36} {then:.1f} {right} {then:.1f}"


def _seam(tops: list[float], sign: int) -> str:
    """Along the edge, five below it; no seam where the ribbon is too thin to carry one."""
    if max(tops) > 43:
        return ""
    inner = [50 - sign * (50 - top - 5) for top in tops]
    bends = "".join(
        _bend(one, then, place * _STAGE)
        for place, (one, then) in enumerate(zip(inner, inner[1:], strict=False))
    )
    return f"M0 {inner[0]:.1f}{bends}H958"


def closing(event: Event) -> str:
    """Until when guests can answer, where the event has a day for it."""
    if event.answers_until is None:
        return ""
    day = f"{event.answers_until:%-d %B}"
    if clock_now() < event.answers_close_at:
        return _("Answers are open until %(day)s.") % {"day": day}
    return _("Answers closed on %(day)s.") % {"day": day}


# --- what needs the host


@dataclass(frozen=True)
class Task:
    """One line of “needs you”: what is wrong with how many, and the one thing to do about it.

    `act` is `link` (go there), `copy` (an address whose text is copied), or `post` (press: `name` = `value`).
    """

    key: str
    tone: str
    icon: str
    title: str
    href: str
    why: str
    act: str = ""
    label: str = ""
    url: str = ""
    image: str = ""
    name: str = ""
    value: str = ""
    guests: int = 0
    group: Group | None = None


def tasks(event: Event, found: Figures) -> list[Task]:
    """From what stops everybody down to what concerns a few."""
    people = reverse("guests", args=[event.slug])
    listed = [*_stopped(event, found), *_rejected(event), *_of_guests(event, found, people)]
    for reason, count in found.left_out:
        listed.append(
            Task(
                "left-out", "skipped", "s-skipped",
                ngettext("%(n)s guest was left out", "%(n)s guests were left out", count) % {"n": f"{count:,}"},
                f"{people}?show={State.SKIPPED.value}", reason,
                "link", _("Look at them"), f"{people}?show={State.SKIPPED.value}", "people", guests=count,
            )
        )  # fmt: skip
    return listed


def _stopped(event: Event, found: Figures) -> list[Task]:
    """Senders and campaigns that wait for a person."""
    going = [one for one in found.campaigns if one.state in (CampaignState.RUNNING, CampaignState.PAUSED)]
    listed = []
    for sender in {one.sender_id: one.sender for one in going}.values():
        if sender.state != SenderState.PAUSED:
            continue
        at = words.clock(sender.paused_at)
        listed.append(
            Task(
                f"sender-{sender.pk}", "bad", "warn", _("Sending stopped at %(time)s") % {"time": at}, "",
                words.with_code(sender.paused_reason, sender.paused_code), "post", _("It is mended, go on"),
                reverse("resume_sender", args=[event.slug, sender.pk]), "play",
            )
        )  # fmt: skip
    for campaign in going:
        if campaign.state != CampaignState.PAUSED:
            continue
        listed.append(
            Task(
                f"paused-{campaign.pk}", "unsure", "pause", _("“%(name)s” is paused") % {"name": campaign.name},
                reverse("campaign", args=[event.slug, campaign.pk]),
                words.with_code(campaign.paused_reason, campaign.paused_code), "post", _("Go on sending"),
                reverse("resume", args=[event.slug, campaign.pk]), "play",
            )
        )  # fmt: skip
    return listed


def _rejected(event: Event) -> list[Task]:
    """Texts that WhatsApp doesn't let out, of templates that this event uses or nobody does yet."""
    versions = TemplateVersion.objects.filter(
        account=account_of(event), text__template__archived_at=None
    ).select_related("text__template")
    used = Q(campaigns__event=event) | Q(campaigns__isnull=True)
    templates = MessageTemplate.objects.filter(used).values("pk")
    newest: dict[int, TemplateVersion] = {}
    for version in versions.filter(text__template__in=templates).order_by("number").defer("body", "buttons"):
        newest[version.text_id] = version
    listed = []
    for version in newest.values():
        if version.state not in _BAD:
            continue
        text = version.text
        title = {
            Review.REJECTED: _("WhatsApp rejected “%(name)s” (%(language)s)"),
            Review.PAUSED: _("WhatsApp paused “%(name)s” (%(language)s)"),
            Review.DISABLED: _("WhatsApp disabled “%(name)s” (%(language)s)"),
        }[Review(version.state)]
        where = f"{reverse('template', args=[event.slug, text.template_id])}?lang={text.language}"
        listed.append(
            Task(
                "template", "unsure", "warn", title % {"name": text.template.title, "language": text.language},
                where, version.reason or _("Guests who read this language can’t be invited with it."),
                "link", _("Edit the text"), where, "edit",
            )
        )  # fmt: skip
    return listed


def _of_guests(event: Event, found: Figures, people: str) -> list[Task]:
    listed = []
    for only in (Only.ABSENT, Only.WRONG, Only.DOUBTFUL, Only.MISSING, Only.UNWANTED, Only.FAILED):
        if not (group := found.groups.get(only)) or not group.count:
            continue
        title, why, act, label, image = _sentences(only, group.count)
        where = f"{people}?only={only}"
        url = {
            "copy": f"{reverse('links', args=[event.slug])}?only={only}",
            "post": reverse("retry", args=[event.slug]),
        }.get(act, where)
        tone = "skipped" if only in (Only.DOUBTFUL, Only.MISSING) else "failed"
        name, value = ("only", only.value) if act == "post" else ("", "")
        listed.append(
            Task(
                only, tone, f"s-{tone}", title, where, why, act, label, url, image, name, value,
                group.count, group,
            )
        )  # fmt: skip
    return listed


def _sentences(only: Only, count: int) -> tuple[str, str, str, str, str]:
    """Title, reason, kind of action, its label, its icon."""
    n = {"n": f"{count:,}"}
    match only:
        case Only.ABSENT:
            return (
                ngettext("%(n)s is not on WhatsApp", "%(n)s are not on WhatsApp", count) % n,
                _("WhatsApp does not know these numbers. Give them their personal link another way."),
                "copy",
                ngettext("Copy %(n)s link", "Copy %(n)s links", count) % n,
                "copy",
            )
        case Only.WRONG:
            return (
                ngettext("%(n)s number can’t be right", "%(n)s numbers can’t be right", count) % n,
                _("Most lack a digit. Nothing reached these guests."),
                "link",
                ngettext("Correct %(n)s number", "Correct %(n)s numbers", count) % n,
                "edit",
            )
        case Only.DOUBTFUL:
            return (
                ngettext(
                    "%(n)s number can be read in two ways", "%(n)s numbers can be read in two ways", count
                )
                % n,
                _("Nothing was sent, so that no stranger is invited."),
                "link",
                _("Choose for %(n)s") % n,
                "edit",
            )
        case Only.MISSING:
            return (
                ngettext("%(n)s guest has no number", "%(n)s guests have no number", count) % n,
                _("Write it down when you have it, or give them their personal link another way."),
                "link",
                ngettext("Add %(n)s number", "Add %(n)s numbers", count) % n,
                "edit",
            )
        case Only.UNWANTED:
            return (
                ngettext("%(n)s takes no messages from you", "%(n)s take no messages from you", count) % n,
                _("They, or WhatsApp for them, turned it down. Give them their personal link another way."),
                "copy",
                ngettext("Copy %(n)s link", "Copy %(n)s links", count) % n,
                "copy",
            )
        case _:
            return (
                ngettext(
                    "%(n)s invitation failed for another reason",
                    "%(n)s invitations failed for another reason",
                    count,
                )
                % n,
                _("The reason stands beside each of them. Most are worth another try."),
                "post",
                _("Try %(n)s again") % n,
                "retry",
            )


# --- whether reports arrive


@dataclass(frozen=True)
class Light:
    """A lamp (`good`, `warn` or `off`), what it means, and what to do."""

    lamp: str
    title: str
    why: str
    cure: str = ""
    heard_at: dt.datetime | None = None


def light(event: Event, found: Figures) -> Light:
    """About the sender of the newest campaign, else the one that is set up."""
    sender = found.newest.sender if found.newest else known_sender(event)
    if sender is None:
        return Light("off", _("No sender yet"), _("Reports can come once there is a number to send from."))
    return _light(hearing(sender, clock_now()), sender)


def _light(heard: Hearing, sender: Sender) -> Light:
    if heard.is_bad:
        return Light("warn", _("No report comes back"), _unheard(heard), _cure(heard), heard.heard_at)
    if heard.heard_at is None:
        return Light(
            "off",
            _("No report yet"),
            _("The first one comes seconds after the first message. Should none come, this says why."),
        )
    return Light(
        "good",
        _("Twilio reports back"),
        _("The last report came at %(time)s.") % {"time": words.clock(heard.heard_at, seconds=True)},
        _("Should messages go out and no report come back, this turns amber and says why."),
        heard.heard_at,
    )


def _unheard(heard: Hearing) -> str:
    count = f"{heard.unheard:,}" if heard.unheard < MOST else _("%(n)s or more") % {"n": f"{MOST:,}"}
    return ngettext(
        "%(n)s message went out since %(time)s and no report came back.",
        "%(n)s messages went out since %(time)s and no report came back.",
        heard.unheard,
    ) % {"n": count, "time": words.clock(heard.since)}


def _cure(heard: Hearing) -> str:
    match heard.cause:
        case Cause.ADDRESS:
            return _(
                "Twilio can’t reach this server: its address is one of this machine or network. Set "
                "CORDIALLY_PUBLIC_URL to the https address at which it is reached from outside."
            )
        case Cause.SIGNATURE:
            return _("%(n)s reports came and were refused, because their signature doesn’t fit. %(why)s") % {
                "n": f"{heard.refused:,}",
                "why": shown(heard.why),
            }
    return _(
        "Nothing came at all, so Twilio probably can’t reach your address. Open it from a phone outside your "
        "network: is the certificate valid, does the proxy pass /webhooks/twilio/status on? Cordially asks "
        "Twilio itself meanwhile, so the states below still move, only later."
    )


# --- what to do first


@dataclass(frozen=True)
class Start:
    """One line of the checklist: done or not, where it is done, and by which word. `is_next`: the first to do."""

    label: str
    is_done: bool
    act: str
    url: str
    is_next: bool = False


def checklist(event: Event, found: Figures) -> list[Start]:
    """For an event of which nothing has been sent yet."""
    approved = TemplateVersion.objects.filter(
        account=account_of(event), state=Review.APPROVED, text__template__archived_at=None
    ).exists()
    slug = [event.slug]
    lines = [
        Start(
            _("Say when and where it is"), bool(event.venue), _("Add the place"),
            reverse("event_edit", args=slug),
        ),
        Start(_("Bring the guest list"), found.guests > 0, _("Import a list"), reverse("import", args=slug)),
        Start(
            _("Have a message that WhatsApp approved"), approved, _("Look at the texts"),
            reverse("templates", args=slug),
        ),
        Start(
            _("Have a number to send from"), known_sender(event) is not None, _("See what is missing"),
            reverse("send", args=slug),
        ),
        Start(
            _("Read what each guest would get, then send"), False, _("Choose and send"),
            reverse("send", args=slug),
        ),
    ]  # fmt: skip
    first = next(line for line in lines if not line.is_done)
    return [replace(line, is_next=line is first) for line in lines]
