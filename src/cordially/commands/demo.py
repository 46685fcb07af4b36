"""The whole story without a browser."""

from __future__ import annotations

import os
import tempfile

import click

from .common import Refused


@click.command("demo")
def demo() -> None:
    """Play the whole story headless, in a throw-away folder: import a list, send, watch, summary.

    \b
    Example:
      cordially demo
    """
    with tempfile.TemporaryDirectory(prefix="cordially-demo-") as folder:
        for name in ("DATABASE_URL", "CORDIALLY_PUBLIC_URL", "TWILIO_API_URL", "TWILIO_ACCOUNT_SID",
                     "TWILIO_AUTH_TOKEN", "TWILIO_WHATSAPP_FROM"):  # fmt: skip
            os.environ.pop(name, None)
        os.environ["CORDIALLY_DATA_DIR"] = folder
        os.environ["PORT"] = "0"
        raise SystemExit(_play())


def _play() -> int:
    from cordially.setup import prepare

    prepare()
    from cordially import demo as story

    from .events import say_report
    from .sending import send

    event, report = story.make_event()
    click.echo(f"{event.name}, {event.starts_local:%-d %B %Y}, {event.venue}")
    say_report(report)
    try:
        send.main([event.slug, "--wait"], prog_name="cordially send", standalone_mode=False)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except click.ClickException as error:
        raise Refused(error.message) from error
    else:
        code = 0
    click.echo("Some fail on purpose, so that you see how it looks. `make run` shows it in a browser.")
    # the failures are part of the play
    return 0 if code in (0, 3) else code
