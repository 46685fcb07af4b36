"""The way of one message, laid down when it is created."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from .config import Faults, SimulatorConfig, Span
from .magic import USUAL, Answer, Fate, MagicNumber, magic_of

RANK: Final = {
    "accepted": 0,
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "delivered": 4,
    "read": 5,
    "failed": 9,
    "undelivered": 9,
    "canceled": 9,
}


@dataclass(frozen=True, slots=True)
class Step:
    """A status that the message reaches at `due` (time.time), and how it is reported."""

    status: str
    due: float
    error_code: int = 0
    copies: int = 1
    #: seconds between the status and its report
    lag: float = 0.0


def dump(steps: list[Step]) -> str:
    return json.dumps([(step.status, step.due, step.error_code, step.copies, step.lag) for step in steps])


def load(text: str) -> list[Step]:
    return [Step(*values) for values in json.loads(text)]


class Chance:
    """Everything that is drawn or remembered from one request to the next."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        self._random = Random(config.seed)
        self._seen: dict[str, int] = {}
        self.faults = config.faults

    def reset(self) -> None:
        self._random = Random(self._config.seed)
        self._seen.clear()
        self.faults = self._config.faults

    def latency(self) -> float:
        return self._within(self._config.latency)

    def answer(self, phone: str) -> tuple[Answer, int, Fate]:
        """How this request is answered, the code of a refusal, and what becomes of the message."""
        magic = magic_of(phone)
        if magic is None:
            return self._drawn_answer(), 0, self._drawn_fate()
        if not self._strikes(magic):
            return Answer.CREATED, 0, USUAL
        return magic.answer, magic.code, magic.fate

    def strikes(self, phone: str) -> int:
        """How often the magic of this number has struck in a row."""
        return self._seen.get(phone, 0)

    def steps(self, fate: Fate, start: float, *, through_service: bool = False) -> list[Step]:
        """The statuses to come, in the order in which they are due."""
        steps = [Step("queued", start)] if through_service else []
        if fate.error_code and not fate.after_sent:
            due = start + self._within(self._config.sent_after)
            return _reported([*steps, Step(fate.failed_status, due, fate.error_code)], fate, self._config)
        due = start + self._within(self._config.sent_after)
        steps.append(Step("sent", due))
        if fate.ends_at != "sent":
            due += self._within(self._config.delivered_after)
            if fate.error_code:
                steps.append(Step(fate.failed_status, due, fate.error_code))
            else:
                steps.append(Step("delivered", due))
                if fate.ends_at is None and self._random.random() < self._config.read_share:
                    steps.append(Step("read", due + self._within(self._config.read_after)))
        return _reported(steps, fate, self._config)

    def _strikes(self, magic: MagicNumber) -> bool:
        if not magic.times:
            return True
        seen = self._seen.get(magic.number, 0)
        if seen >= magic.times:
            del self._seen[magic.number]  # the next message to this number meets it again
            return False
        self._seen[magic.number] = seen + 1
        return True

    def _drawn_answer(self) -> Answer:
        faults = self.faults
        draw = self._random.random()
        for share, answer in (
            (faults.refuse_429, Answer.BUSY),
            (faults.error_500 / 2, Answer.ERROR_BEFORE),
            (faults.error_500 / 2, Answer.ERROR_AFTER),
            (faults.lost_answer, Answer.LOST),
            (faults.slow, Answer.SLOW),
        ):
            if draw < share:
                return answer
            draw -= share
        return Answer.CREATED

    def _drawn_fate(self) -> Fate:
        faults = self.faults
        if faults == _NO_FAULTS:
            return USUAL
        copies = 2 if self._random.random() < faults.callback_double else 1
        return Fate(
            copies=0 if self._random.random() < faults.callback_lost else copies,
            shuffled=self._random.random() < faults.callback_shuffle,
            delayed=self._random.random() < faults.callback_delay,
        )

    def _within(self, span: Span) -> float:
        return self._random.uniform(*span)


_NO_FAULTS = Faults()
# seconds; long enough for the report of `delivered` to be answered first
_SWAP_GAP = 0.3


def _reported(steps: list[Step], fate: Fate, config: SimulatorConfig) -> list[Step]:
    lag = config.callback_delay_seconds if fate.delayed else 0.0
    steps = [replace(step, copies=fate.copies, lag=lag) for step in steps]
    if not fate.shuffled:
        return steps
    delivered = next((step.due for step in steps if step.status == "delivered"), None)
    if delivered is None:
        return steps
    sent_lag = lag + delivered + _SWAP_GAP
    return [replace(step, lag=sent_lag - step.due) if step.status == "sent" else step for step in steps]
