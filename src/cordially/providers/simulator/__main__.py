"""`python -m cordially.providers.simulator PORT JSON`: a simulator with the given options, for tests and benchmarks."""

from __future__ import annotations

import json
import sys
from typing import Any

from .app import Faults, SimulatorConfig, run_simulator
from .config import SimulatorAccount


def main(port: str, options: str) -> None:
    """`options`: the fields of SimulatorConfig; `faults` and each of `others` as an object of its own."""
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(options).items()
    }
    faults = Faults.read(given.pop("faults", {}))
    given["others"] = tuple(map(SimulatorAccount.read, given.pop("others", ())))
    run_simulator("127.0.0.1", int(port), SimulatorConfig(faults=faults, **given))


if __name__ == "__main__":
    main(*sys.argv[1:])
