"""`make chaos`: SEED, GUESTS, KILLS and PACE in the environment; exit code 1 when a promise was broken."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from . import judge
from .judge import Evidence, Timeline, Violation
from .plan import FULL, Deed
from .run import Options, Run, ServerEnded

#: so many offending invitations are shown with all that is known of them
SHOWN = 3


def number(name: str, usual: int, least: int) -> int:
    """From the environment."""
    text = os.environ.get(name, "").strip() or str(usual)
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        sys.exit(f"{name} must be a number from {least}, not “{text}”.")
    return int(text)


def asked() -> Options:
    kills = number("KILLS", 110, least=8)
    return Options(
        seed=number("SEED", secrets.randbelow(1_000_000), least=0),
        guests=number("GUESTS", 3000, least=60),
        kills=kills,
        freezes=2,
        pauses=2,
        outages=3,
        per_second=number("PACE", 40, least=1),
        rates=FULL,
        settle=300.0,
    )


def row(what: str, figure: object) -> None:
    print(f"{what:<52} {figure:>12}", flush=True)


def summary(run: Run, evidence: Evidence, found: list[Violation], seconds: float) -> None:
    answers = Counter(request.answer for request in evidence.requests)
    states = Counter(each.state for each in evidence.invitations)
    print()
    row("guests, in two campaigns", len(evidence.invitations))
    row("requests at Twilio’s door", len(evidence.requests))
    for answer, count in answers.most_common():
        row(f"    {answer.lower().replace('_', ' ')}", count)
    row("messages that Twilio made", len(evidence.messages))
    row("kills (SIGKILL)", run.kills())
    for deed in (Deed.FREEZE, Deed.PAUSE, Deed.OUTAGE):
        row(f"    and: {deed}", run.done[deed])
    if run.starts:
        row("seconds from a start to open doors, at most", f"{max(run.starts):.1f}")
    most = judge.most_in_a_second(request.at for request in evidence.requests)
    row(f"most in a sliding second, {run.options.per_second} are allowed", most)
    for state, count in states.most_common():
        row(f"    {state}", count)
    row("seconds", f"{seconds:.0f}")
    print()
    broken = Counter(each.check for each in found)
    for check in judge.CHECKS:
        row(check, broken[check])


def offenders(evidence: Evidence, found: list[Violation]) -> None:
    for each in found[:20]:
        print(f"\n{each.check}: {each.sentence}")
    shown = list(dict.fromkeys(each.invitation for each in found if each.invitation is not None))
    for invitation in shown[:SHOWN]:
        print()
        print("\n".join(Timeline(evidence, invitation).lines()))


def main() -> int:
    options = asked()
    again = f"SEED={options.seed} GUESTS={options.guests} KILLS={options.kills} PACE={options.per_second}"
    print(f"To have the same again: {again} make chaos", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="cordially-chaos-"))
    begun = time.monotonic()
    run = Run(
        options, folder, say=lambda text: print(f"{time.monotonic() - begun:6.0f} s  {text}", flush=True)
    )
    try:
        evidence, found = run.play()
    except (ServerEnded, AssertionError) as error:
        print(f"\nThe run broke off: {error}\nWhat it left lies in {folder}. Again: {again} make chaos")
        return 1
    summary(run, evidence, found, time.monotonic() - begun)
    if not found:
        print("\nEvery promise was kept.")
        shutil.rmtree(folder)
        return 0
    offenders(evidence, found)
    print(f"\nA promise was broken. What it left lies in {folder}. Again: {again} make chaos")
    return 1


if __name__ == "__main__":
    sys.exit(main())
