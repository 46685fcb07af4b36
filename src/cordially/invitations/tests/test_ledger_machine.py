"""The promises, against every mishap in any order: a small Twilio that keeps its own account of what it took.

Never twice, never missed, never a lie, and the audience is always the sum of the states.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from dataclasses import dataclass, field

import pytest
from django.db import transaction
from django.db.models import Count
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.people import NOW, a_guest, a_sender, a_template, an_event

from cordially.guests.models import Guest
from cordially.invitations import campaigns, ledger
from cordially.invitations.attempts import Attempt
from cordially.invitations.ledger import Claim
from cordially.invitations.lifecycle import LIVE, OPEN, State
from cordially.invitations.models import Campaign, CampaignState, Invitation, Source, StatusEvent
from cordially.invitations.news import News
from cordially.providers.errors import ErrorClass, Fault

READ, LOST, WORTH_ANOTHER_TRY = "read", "lost", "worth another try"
#: what Twilio says when it takes nothing
REFUSALS = {
    "busy": Fault(ErrorClass.RETRY_SOON, "Too much at once.", 20429, slows=True),
    "used up": Fault(ErrorClass.RETRY_LATER, "Used up for today.", 63038, rests=5.0),
    "bad number": Fault(ErrorClass.GUEST, "This phone number can’t be right.", 21211),
    "unheard of": Fault(ErrorClass.GUEST, "Nobody knows.", 63999, unclear=True),
    "bad value": Fault(ErrorClass.TEMPLATE, "Refused what was filled in.", 21656, one_guest=True),
    "bad words": Fault(ErrorClass.TEMPLATE, "WhatsApp paused this template.", 63041),
    "bad password": Fault(ErrorClass.SENDER, "Twilio refused the password.", 20003),
}
STATIONS = {
    READ: [State.SENT, State.DELIVERED, State.READ],
    LOST: [State.SENT, State.FAILED],
    WORTH_ANOTHER_TRY: [State.SENT, State.QUEUED],
}


@dataclass
class Message:
    """One that Twilio took; `fate` is what becomes of it."""

    id: str
    attempt: Attempt
    guest: int
    fate: str

    def news(self, state: State, at: dt.datetime, source: Source, attempt: Attempt | None = None) -> News:
        failed = state in (State.FAILED, State.QUEUED)
        return News(
            state, at, source, attempt or self.attempt, self.id, look_at=at,
            reason="It was not delivered." if failed else "", error_class="guest" if failed else "",
        )  # fmt: skip


@dataclass
class Request:
    """One claimed by the living worker: not yet posted, or posted and not yet answered."""

    claim: Claim
    posted: bool = False
    message: Message | None = None
    refusal: str = "busy"


@dataclass
class Twilio:
    messages: list[Message] = field(default_factory=list)

    def take(self, attempt: Attempt, fate: str) -> Message:
        guest = Invitation.objects.values_list("guest", flat=True).get(pk=attempt.invitation_id)
        message = Message(f"SM{len(self.messages):032}", attempt, guest, fate)
        self.messages.append(message)
        return message

    def of(self, attempt: Attempt) -> Message | None:
        return next((one for one in self.messages if one.attempt == attempt), None)


class Ledger(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now, self.worker = NOW, 0
        self.twilio, self.requests = Twilio(), []
        #: posted by workers that were frozen, and answered when they wake
        self.stale: list[Request] = []
        #: look-ups that take their time: what they found is told later
        self.slow: list[News] = []
        self.event, self.sender, self.template = an_event(), a_sender(), a_template()
        household = "+972541234567"
        self.guests = [
            *(a_guest(self.event) for _ in range(3)),
            a_guest(self.event, "Sunita", household),
            a_guest(self.event, "Prakash", household),
            a_guest(self.event, "Ravi", ""),
        ]
        ledger.take_lease(self.sender.pk, "0", 10, self.now)

    def teardown(self) -> None:
        try:
            self.everything_comes_to_an_end()
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    # What the host does

    @rule(chosen=st.sets(st.integers(0, 5), min_size=1), purpose=st.sampled_from(["invitation", "reminder"]))
    def start(self, chosen: set[int], purpose: str) -> None:
        guests = Guest.objects.filter(pk__in=[self.guests[place].pk for place in chosen])
        with contextlib.suppress(campaigns.CantStart):
            campaigns.start_campaign(
                self.event,
                guests,
                template=self.template,
                sender=self.sender,
                purpose=purpose,
                now=self.now,
            )

    @precondition(lambda self: Campaign.objects.exists())
    @rule(data=st.data(), act=st.sampled_from([campaigns.pause, campaigns.resume, campaigns.cancel]))
    def steer(self, data: st.DataObject, act: object) -> None:
        act(data.draw(st.sampled_from(list(Campaign.objects.order_by("id")))))

    @rule()
    def resume_sender(self) -> None:
        campaigns.resume_sender(self.sender)

    @rule()
    def retry(self) -> None:
        campaigns.retry(Invitation.objects.all())

    @rule(place=st.integers(0, 5), opted_out=st.booleans())
    def opt_out(self, place: int, opted_out: bool) -> None:
        opted_out_at = self.now if opted_out else None
        Guest.objects.filter(pk=self.guests[place].pk).update(opted_out_at=opted_out_at)

    # What the engine does

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        found = ledger.tick(self.sender.pk, str(self.worker), limit=limit, now=self.now)
        assert found.sender is not None
        self.requests += [Request(claim) for claim in found.claims]

    @precondition(lambda self: any(not one.posted for one in self.requests))
    @rule(fate=st.sampled_from([*STATIONS, *REFUSALS]), answered=st.booleans())
    def post(self, fate: str, answered: bool) -> None:
        request = next(one for one in self.requests if not one.posted)
        request.posted = True
        if fate in REFUSALS:
            request.refusal = fate
        else:
            request.message = self.twilio.take(request.claim.attempt, fate)
        if answered:
            self.hear(request, lost=False)

    @precondition(lambda self: any(one.posted for one in self.requests))
    @rule(lost=st.booleans())
    def answer(self, lost: bool) -> None:
        self.hear(next(one for one in self.requests if one.posted), lost)

    @precondition(lambda self: any(not one.posted for one in self.requests))
    @rule()
    def do_not_post(self) -> None:
        """The lease is nearly over, or the host paused."""
        request = next(one for one in self.requests if not one.posted)
        self.requests.remove(request)
        ledger.record([News(State.QUEUED, self.now, Source.ENGINE, request.claim.attempt)])

    def hear(self, request: Request, lost: bool) -> None:
        (self.requests if request in self.requests else self.stale).remove(request)
        attempt = request.claim.attempt
        if lost:
            item = News(
                State.UNSURE, self.now, Source.ENGINE, attempt, reason=ledger.UNSURE_REASON, look_at=self.now
            )
        elif request.message:
            item = request.message.news(State.ACCEPTED, self.now, Source.ENGINE)
        else:
            item = self.refused(attempt, REFUSALS[request.refusal])
        ledger.record([item])

    def refused(self, attempt: Attempt, fault: Fault) -> News:
        told = {"code": fault.code, "error_class": fault.error_class.value, "reason": fault.reason}
        if fault.error_class == ErrorClass.GUEST:
            return News(State.FAILED, self.now, Source.ENGINE, attempt, fault=fault, **told)
        again = None
        if fault.error_class in (ErrorClass.RETRY_SOON, ErrorClass.RETRY_LATER):
            due_at = self.later(3)

            def again(tries: int, phone: str) -> dt.datetime | None:
                return due_at if tries < 3 else None

        return News(State.QUEUED, self.now, Source.ENGINE, attempt, fault=fault, again=again, **told)

    @precondition(lambda self: self.stale)
    @rule(lost=st.booleans())
    def wake_up(self, lost: bool) -> None:
        """A worker that was frozen past its lease reads the answers that waited for it."""
        self.hear(self.stale[0], lost)

    @rule(frozen=st.booleans())
    def crash(self, frozen: bool) -> None:
        """What was posted stays posted; its answers are lost with the worker, or come very late."""
        if frozen:
            self.stale += [one for one in self.requests if one.posted]
        self.requests.clear()
        self.now = self.later(11)
        self.worker += 1
        assert ledger.take_lease(self.sender.pk, str(self.worker), 10, self.now)

    @rule(seconds=st.sampled_from([1, 7]))
    def time_passes(self, seconds: int) -> None:
        self.now = self.later(seconds)
        ledger.renew_lease(self.sender.pk, str(self.worker), 10, self.now)
        ledger.due_now(self.now)
        ledger.finish_campaigns(self.now)

    @precondition(lambda self: self.twilio.messages)
    @rule(data=st.data(), repeats=st.integers(1, 2))
    def callback(self, data: st.DataObject, repeats: int) -> None:
        message = data.draw(st.sampled_from(self.twilio.messages))
        state = data.draw(st.sampled_from(STATIONS[message.fate]))
        ledger.record([message.news(state, self.now, Source.CALLBACK)] * repeats)

    @precondition(lambda self: self.slow)
    @rule()
    def told_late(self) -> None:
        ledger.record([self.slow.pop(0)])

    @rule(slow=st.booleans())
    def rescue(self, slow: bool = False) -> None:
        """Ask Twilio about what is unsure or silent; nobody's request is under way for the unsure ones."""
        for row in Invitation.objects.filter(state__in=[State.UNSURE, State.ACCEPTED, State.SENT]):
            attempt = Attempt(row.campaign.uid, row.pk, row.attempts)
            if row.state == State.UNSURE:
                message = self.twilio.of(attempt)
                state = State.ACCEPTED if message else None
            else:
                message = next(one for one in self.twilio.messages if one.id == row.message_id)
                state = STATIONS[message.fate][-1]
            if message and state:
                item = message.news(state, self.now, Source.LOOKUP, attempt)
            else:
                item = News(State.QUEUED, self.now, Source.RESCUE, attempt)
            if slow:
                self.slow.append(item)
            else:
                ledger.record([item])

    def later(self, seconds: float) -> dt.datetime:
        return self.now + dt.timedelta(seconds=seconds)

    # The promises

    @invariant()
    def nobody_is_written_to_twice(self) -> None:
        purposes = dict(Campaign.objects.values_list("uid", "purpose"))
        reached = [(one.guest, purposes[one.attempt.uid]) for one in self.twilio.messages if one.fate == READ]
        assert len(reached) == len(set(reached))

    @invariant()
    def the_audience_is_the_sum_of_the_states(self) -> None:
        for campaign in Campaign.objects.all():
            assert campaign.audience == sum(campaigns.counts(campaign).values())

    @invariant()
    def one_live_invitation_a_guest(self) -> None:
        doubled = (
            Invitation.objects.filter(state__in=LIVE)
            .values("guest", "campaign__purpose")
            .annotate(rows=Count("id"))
            .filter(rows__gt=1)
        )
        assert not doubled

    @invariant()
    def the_last_event_tells_the_state(self) -> None:
        for row in Invitation.objects.all():
            assert StatusEvent.objects.filter(invitation=row).order_by("-id")[0].status == row.state

    def everything_comes_to_an_end(self) -> None:
        """Twilio goes on to take everything, callbacks are lost: whoever was chosen is read or told of."""
        while self.stale:
            self.wake_up(lost=False)
        while self.slow:
            self.told_late()
        while self.requests:
            request = self.requests[0]
            if not request.posted:
                request.message = self.twilio.take(request.claim.attempt, READ)
            self.hear(request, lost=False)
        for _ in range(20):
            campaigns.resume_sender(self.sender)
            for campaign in Campaign.objects.filter(state=CampaignState.PAUSED):
                campaigns.resume(campaign)
            self.time_passes(7)
            self.claim(4)
            while self.requests:
                self.post(READ, answered=True)
            self.rescue()
        self.nobody_is_written_to_twice()
        left = Invitation.objects.filter(state__in=[*OPEN, State.ACCEPTED, State.SENT])
        assert not left, [(row.pk, row.state, row.campaign.state) for row in left]
        for message in self.twilio.messages:
            if message.fate == READ:
                row = Invitation.objects.get(pk=message.attempt.invitation_id)
                assert row.state in (State.DELIVERED, State.READ), (
                    f"{message} arrived, and the host reads “{row.state}”"
                )


@pytest.mark.django_db
def test_the_promises_are_kept_whatever_happens_in_whatever_order():
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a failure takes minutes
        ),
    )
