"""`python -m benchmarks.scale [PART …] [--huge]`: run the parts, all of them unless some are named."""

from __future__ import annotations

import argparse
import time

from .ground import ground


def main() -> None:
    from . import workers

    parts = {"workers": workers.workers}
    words = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    words.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    given = words.parse_args()
    if unknown := set(given.parts) - parts.keys():
        words.error(f"no such part: {', '.join(sorted(unknown))}")
    with ground() as found:
        for name in given.parts or parts:
            begun = time.monotonic()
            parts[name](found)
            print(f"({name}: {time.monotonic() - begun:.0f} s)\n", flush=True)


main()
