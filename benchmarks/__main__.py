"""Run everything and print a table."""

from __future__ import annotations

import resource
import sys

from . import stage


def main() -> None:
    stage.install()
    from . import callbacks, large, lists, overview, sending, watching

    parts = {
        "wizard": lists.wizard,
        "lists": lists.import_and_queue,
        "callbacks": callbacks.callbacks,
        "engine": sending.without_limit,
        "pace": sending.paced,
        "million": large.million,
        "overview": overview.overview,
        "watching": watching.watching,
    }
    for name in sys.argv[1:] or parts:
        parts[name]()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stage.line("peak memory of this process", f"{peak:.0f} MB")


main()
