"""What a simulator is told before it starts."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

#: seconds, at least and at most; what lies between is drawn evenly
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Faults:
    """How much goes wrong by chance. Every field is a share from 0 to 1, of requests or of messages."""

    #: answered 429, nothing created
    refuse_429: float = 0.0
    #: answered 500; in half of them the message exists all the same
    error_500: float = 0.0
    #: message created, connection closed without an answer
    lost_answer: float = 0.0
    #: answered after `slow_seconds`
    slow: float = 0.0
    #: messages whose reports come twice
    callback_double: float = 0.0
    #: messages of which `delivered` is reported before `sent`
    callback_shuffle: float = 0.0
    #: messages that are never reported: only asking tells
    callback_lost: float = 0.0
    #: messages whose reports come `callback_delay_seconds` late
    callback_delay: float = 0.0

    @classmethod
    def read(cls, given: dict[str, Any]) -> Self:
        """From JSON. Raises ValueError for a name or share that makes no sense."""
        unknown = given.keys() - {each.name for each in fields(cls)}
        if unknown:
            raise ValueError(f"unknown faults: {', '.join(sorted(unknown))}")
        for name, share in given.items():
            if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
                raise ValueError(f"{name} must be a share from 0 to 1")
        return cls(**given)


@dataclass(frozen=True, slots=True)
class SimulatorAccount:
    """One account. `senders` are E.164; requests may be made with its token, or with its key where it has one."""

    sid: str
    token: str
    senders: tuple[str, ...]
    name: str = "Simulator"
    key_sid: str = ""
    key_secret: str = ""
    #: WhatsApp's word for its senders
    quality: str = "HIGH"

    @classmethod
    def read(cls, given: dict[str, Any]) -> Self:
        """From JSON."""
        return cls(**{**given, "senders": tuple(given["senders"])})


@dataclass(frozen=True)
class SimulatorConfig:
    account_sid: str = "AC" + "0" * 32
    auth_token: str = "simulator-token"
    #: E.164 of the WhatsApp sender it owns
    sender: str = "+15550100000"
    #: all its senders when there is more than one; empty means `sender` alone
    senders: tuple[str, ...] = ()
    #: accounts besides this one
    others: tuple[SimulatorAccount, ...] = ()
    #: SQLite file of the record; None keeps it in memory
    path: Path | None = None
    #: messages that one sender may start in any second; 0 or less means no limit
    per_second: int = 80
    #: seconds between two messages to the same guest; less fails with 63018
    pair_seconds: float = 0.0
    latency: Span = (0.05, 0.25)
    #: each counted from the step before it
    sent_after: Span = (0.1, 0.4)
    delivered_after: Span = (0.4, 2.0)
    read_after: Span = (2.0, 12.0)
    read_share: float = 0.8
    slow_seconds: float = 3.0
    callback_delay_seconds: float = 5.0
    #: seconds that WhatsApp's review takes
    approve_after: float = 2.0
    #: seconds from the approval until a template is paused or disabled, if its name asks for that
    lapse_after: float = 2.0
    faults: Faults = field(default_factory=Faults)
    #: makes every draw reproducible
    seed: int | None = None

    @property
    def all_accounts(self) -> tuple[SimulatorAccount, ...]:
        mine = SimulatorAccount(self.account_sid, self.auth_token, self.senders or (self.sender,))
        return (mine, *self.others)

    @property
    def all_senders(self) -> tuple[str, ...]:
        return tuple(sender for account in self.all_accounts for sender in account.senders)
