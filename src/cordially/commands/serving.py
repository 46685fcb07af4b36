"""Servers: everything in one process, or the simulator alone."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import click

from .common import Refused, prepared, prepared_patiently

if TYPE_CHECKING:
    from cordially import server


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port; PORT or 8000 when left out.")
@click.option("--with-demo", is_flag=True, help="Make a demo event when there is no event yet.")
@prepared
def serve(host: str, port: int | None, with_demo: bool) -> None:
    """Run everything in one process: pages, callbacks, the sending worker, and the simulator when there is no Twilio.

    \b
    Example:
      cordially serve --port 8000
    """
    from django.conf import settings

    from cordially import connection, demo, server
    from cordially.accounts import access
    from cordially.setup import check_writable, collect_static

    check_writable()
    listener = _listen(host, settings.PORT if port is None else port)
    local = server.use_address(listener)
    connection.check_addresses()
    # whoever opens it to the network reaches it by names that can't be known here; links never use them
    settings.ALLOWED_HOSTS += ["*"] if host in ("0.0.0.0", "::") and not settings.PUBLIC_URL else [host]
    collect_static()
    if with_demo:
        demo.ensure_event()
    click.echo("Cordially is ready. This address signs you in while the server runs:")
    click.echo("")
    click.echo(f"    {settings.PUBLIC_URL or local}/signin/{access.new_token()}")
    click.echo("")
    if settings.USE_SIMULATOR:
        click.echo("Twilio is simulated: nothing leaves this machine. The guests' phones: ", nl=False)
        click.echo(f"{settings.PUBLIC_URL or local}/simulator/phone")
    click.echo("Ctrl-C stops it.")
    server.serve(listener)
    click.echo(_farewell())


def _farewell() -> str:
    """What is true of the requests that were under way."""
    from django.db import Error

    from cordially.invitations.lifecycle import State
    from cordially.invitations.models import Invitation

    try:
        left = Invitation.objects.filter(state__in=[State.SENDING, State.UNSURE]).count()
    except Error:
        return "Stopped. The database can’t be used; the next start asks Twilio about what was under way."
    if left:
        return f"Stopped. The next start asks Twilio about {left:,} that got no answer."
    return "Stopped. Everything that was under way is settled."


#: what each worker drains at most unless told otherwise: one process makes about a thousand messages a second
CONCURRENCY = 50

_host = click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")


@click.command("web")
@_host
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port; PORT or 8000 when left out.")
@prepared_patiently
def web(host: str, port: int | None) -> None:
    """Run the pages and the callbacks' door alone; `cordially worker` sends. Any number of them may run.

    \b
    Example:
      cordially web --port 8000          (with DATABASE_URL and REDIS_URL)
    """
    from django.conf import settings

    from cordially import server
    from cordially.setup import collect_static

    _need_twilio()
    listener = _listen(host, settings.PORT if port is None else port)
    local = server.use_address(listener)
    settings.ALLOWED_HOSTS += ["*"] if host in ("0.0.0.0", "::") and not settings.PUBLIC_URL else [host]
    collect_static()
    click.echo(f"Cordially answers on {settings.PUBLIC_URL or local}. Ctrl-C stops it.")
    server.serve(listener, server.Part.DOORS)
    click.echo("Stopped.")


@click.command("worker")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    default=CONCURRENCY,
    show_default=True,
    help="Senders that it drains at the same time, at most.",
)
@_host
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=None,
    help="For /healthz, /readyz and /metrics; none if left out.",
)
@prepared_patiently
def worker(concurrency: int, host: str, port: int | None) -> None:
    """Send what is queued. Any number of workers, on any machine, share the senders among them.

    \b
    Example:
      cordially worker --port 9100       (with DATABASE_URL and REDIS_URL)
    """
    from cordially import server

    _beside(server.Part.SENDING, host, port, concurrency)
    click.echo(_farewell())


@click.command("scheduler")
@_host
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=None,
    help="For /healthz, /readyz and /metrics; none if left out.",
)
@prepared_patiently
def scheduler(host: str, port: int | None) -> None:
    """See to what has its time: campaigns that begin, retries, lost answers, WhatsApp's reviews.

    Several may run, one acts. While none does, the workers do it.

    \b
    Example:
      cordially scheduler                (with DATABASE_URL and REDIS_URL)
    """
    from cordially import server

    _beside(server.Part.MINDING, host, port, None)
    click.echo("Stopped.")


def _beside(part: server.Part, host: str, port: int | None, most: int | None) -> None:
    from cordially import connection, server

    _need_twilio()
    connection.check_addresses()
    listener = None if port is None else _listen(host, port)
    where = f" Its health: http://{host}:{listener.getsockname()[1]}/readyz" if listener else ""
    click.echo(f"The {part.value} runs. Ctrl-C stops it.{where}")
    server.serve(listener, part, most)


def _listen(host: str, port: int) -> socket.socket:
    from cordially import server

    try:
        return server.bind(host, port)
    except server.PortTaken as error:
        raise Refused(str(error)) from error


def _need_twilio() -> None:
    """The built-in simulator lives within `serve`."""
    from django.conf import settings

    if settings.USE_SIMULATOR:
        raise Refused(
            "There are no credentials of Twilio. Set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and "
            "TWILIO_WHATSAPP_FROM; for a rehearsal start `cordially simulator`, which prints them."
        )


@click.command("simulator")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True)
def simulator(host: str, port: int) -> None:
    """Run the Twilio simulator alone; point TWILIO_API_URL at it.

    \b
    Example:
      cordially simulator --port 8081
      TWILIO_API_URL=http://127.0.0.1:8081 TWILIO_ACCOUNT_SID=… cordially serve
    """
    from cordially.lib.ports import PortTaken, bind
    from cordially.providers.simulator.app import SimulatorConfig, run_simulator

    try:
        with bind(host, port) as listener:
            port = listener.getsockname()[1]
    except PortTaken as error:
        raise Refused(str(error).replace("PORT=", "--port ")) from error
    config = SimulatorConfig()
    click.echo(f"The simulator listens on http://{host}:{port}, phones at /phone. To use it:")
    click.echo(f"  export TWILIO_API_URL=http://{host}:{port}")
    click.echo(f"  export TWILIO_ACCOUNT_SID={config.account_sid}")
    click.echo(f"  export TWILIO_AUTH_TOKEN={config.auth_token}")
    click.echo(f"  export TWILIO_WHATSAPP_FROM=whatsapp:{config.sender}")
    run_simulator(host, port, config)
