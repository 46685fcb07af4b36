"""Servers: everything in one process, or the simulator alone."""

from __future__ import annotations

import click

from .common import Refused, prepared


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
    try:
        listener = server.bind(host, settings.PORT if port is None else port)
    except server.PortTaken as error:
        raise Refused(str(error)) from error
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
