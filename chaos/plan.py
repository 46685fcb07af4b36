"""What goes wrong and when, from one seed. Pure: the same seed makes the same plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from cordially.providers.simulator.magic import Answer, Fate

#: refused or failed for good: the guest can't be reached this way
FOR_GOOD = frozenset({21211, 21610, 63024})
#: failed on the way, and sent again by itself: only after one of these may a guest have a second message
TRIED_AGAIN = frozenset({63009, 63012, 63018})
#: guests that share the weather: numbers are handed out 13 apart
_BLOCK = 13 * 50


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of requests or of messages, from 0 to 1."""

    #: answered 429; eight times as many in a tenth of the list: limits are hit in bursts
    busy: float = 0.02
    #: answered 500 or 502, nothing created; and answered 500, created all the same
    error_before: float = 0.03
    error_after: float = 0.03
    #: created, and the line cut before the answer; and cut with nothing created
    lost: float = 0.04
    cut: float = 0.03
    #: answered seconds late
    slow: float = 0.03
    #: refused for good
    refused: float = 0.02
    #: “channel is full” (63018), as the answer and as a report; a retry waits up to a minute
    full_answer: float = 0.0
    full_report: float = 0.0
    #: taken and then failed with a hiccup, sent again within seconds; and for good
    hiccup: float = 0.02
    failed: float = 0.02
    #: messages whose reports are lost, come twice, late, or in the wrong order
    report_lost: float = 0.05
    report_double: float = 0.1
    report_late: float = 0.05
    report_shuffled: float = 0.1
    #: messages that never get further than “sent”
    phone_off: float = 0.02


QUICK = Rates()
FULL = Rates(full_answer=0.005, full_report=0.005)


@dataclass(frozen=True, slots=True)
class Reply:
    """How one request is answered and what becomes of its message."""

    answer: Answer
    #: of a refusal
    code: int = 0
    fate: Fate = Fate()
    #: a 429 that says how long to wait
    retry_after: bool = False


def dice(seed: int, phone: str, number: int) -> Random:
    """All that is drawn for the nth request (from 0) to this number, whenever it comes."""
    return Random(f"{seed}/{phone}/{number}")


def reply(rates: Rates, seed: int, phone: str, number: int, rng: Random) -> Reply:
    fate = _fate(rates, number, rng)
    bad_weather = Random(f"{seed}/weather/{int(phone[-7:]) // _BLOCK}").random() < 0.1
    draw = rng.random()
    for share, answer, code in (
        (rates.refused if number == 0 else 0.0, Answer.REFUSED, rng.choice((21211, 21610))),
        (rates.full_answer if number == 0 else 0.0, Answer.REFUSED, 63018),
        (rates.busy * (8 if bad_weather else 1), Answer.BUSY, 0),
        (rates.error_before / 2, Answer.ERROR_BEFORE, 0),
        (rates.error_before / 2, Answer.GATEWAY, 0),
        (rates.error_after, Answer.ERROR_AFTER, 0),
        (rates.lost, Answer.LOST, 0),
        (rates.cut, Answer.CLOSED, 0),
        (rates.slow, Answer.SLOW, 0),
    ):
        if draw < share:
            return Reply(answer, code, fate, retry_after=rng.random() < 0.05)
        draw -= share
    return Reply(Answer.CREATED, 0, fate)


def _fate(rates: Rates, number: int, rng: Random) -> Fate:
    copies = 0 if rng.random() < rates.report_lost else 2 if rng.random() < rates.report_double else 1
    draw = rng.random()
    code = ends_at = None
    for share, wrong in (
        (rates.failed, 63024),
        (rates.full_report if number == 0 else 0.0, 63018),
        (rates.hiccup, rng.choice((63009, 63012))),
        (rates.phone_off, None),
    ):
        if draw < share:
            code, ends_at = wrong, None if wrong else "sent"
            break
        draw -= share
    return Fate(
        ends_at=ends_at,
        error_code=code or 0,
        failed_status=rng.choice(("failed", "undelivered")),
        after_sent=rng.random() < 0.5,
        copies=copies,
        shuffled=rng.random() < rates.report_shuffled,
        delayed=rng.random() < rates.report_late,
    )


class Deed(StrEnum):
    KILL = "kill"  # SIGKILL in full flow
    KILL_AT_START = "kill at start"  # and again while it starts
    KILL_AT_END = "kill at the end"  # nothing left to send, everything to settle
    FREEZE = "freeze"  # SIGSTOP past the lease, then SIGCONT
    PAUSE = "pause"  # the host pauses a campaign; a kill; the host resumes it
    OUTAGE = "outage"  # Twilio itself is away: connections are refused


#: what kills `cordially serve` once
KILLS = frozenset({Deed.KILL, Deed.KILL_AT_START, Deed.KILL_AT_END, Deed.PAUSE})


@dataclass(frozen=True, slots=True)
class Step:
    deed: Deed
    #: how many guests must have been asked for before: where in the campaign it happens
    reached: int
    #: seconds from there, or from the start of the process, to the deed
    after: float


def steps(seed: int, guests: int, kills: int, *, freezes: int, pauses: int, outages: int) -> list[Step]:
    """In the order in which they happen; `kills` of them kill the server."""
    rng = Random(f"{seed}/steps")
    at_start, at_end = max(1, kills // 5), max(1, kills // 10)
    in_flow = kills - at_start - at_end - pauses
    if in_flow < 1:
        raise ValueError("so few kills prove nothing")
    return sorted(_steps(rng, guests, in_flow, at_start, freezes, pauses, outages), key=_place) + [
        Step(Deed.KILL_AT_END, guests, rng.uniform(0.0, 2.5)) for _ in range(at_end)
    ]


def _place(step: Step) -> int:
    return step.reached


def _steps(
    rng: Random, guests: int, in_flow: int, at_start: int, freezes: int, pauses: int, outages: int
) -> Iterator[Step]:
    def somewhere() -> int:
        return int(guests * rng.uniform(0.05, 0.9))

    for number in range(in_flow):
        # spread, or the campaign is over before they are
        place = guests * (0.02 + 0.94 * (number + rng.random()) / in_flow)
        yield Step(Deed.KILL, int(place), rng.uniform(0.0, 0.3))
    for _ in range(at_start):
        yield Step(Deed.KILL_AT_START, somewhere(), rng.uniform(0.0, 1.1))
    for _ in range(freezes):
        yield Step(Deed.FREEZE, somewhere(), rng.uniform(0.0, 0.3))
    for _ in range(pauses):
        yield Step(Deed.PAUSE, int(guests * rng.uniform(0.1, 0.6)), 0.0)
    for _ in range(outages):
        yield Step(Deed.OUTAGE, somewhere(), rng.uniform(0.5, 2.0))
