"""One uvicorn server around one Service: opens the doors, then sends; stops sending, then closes the doors."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
import uvloop
from django.conf import settings

from cordially.lib.ports import PortTaken, bind

from .service import Part, Service

__all__ = ["Part", "PortTaken", "Server", "bind", "running", "serve", "use_address"]


class Server(uvicorn.Server):
    """Ctrl-C and SIGTERM: settle what is in flight, answer what is being asked, then go."""

    def __init__(self, service: Service) -> None:
        super().__init__(
            uvicorn.Config(
                service.app,
                loop="uvloop",
                http="httptools",
                # its loggers hand on to ours, which masks
                log_config=None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=10,
                # behind a proxy on this machine the scheme and address of the guest count
                proxy_headers=True,
                backlog=4096,
            )
        )
        self.service = service
        #: why it could not begin
        self.failure: Exception | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's own, the signal is not raised anew at the end: a clean stop exits with 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:
            return
        try:
            await self.service.start()
        except Exception as error:
            # closed like any other: an exception in here would be torn out of uvicorn with all its traces
            self.failure, self.should_exit = error, True
            await self.shutdown(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.service.stop()
        await super().shutdown(sockets)


def use_address(listener: socket.socket) -> str:
    """Make the address of this socket the site's own, unless a public one is configured. Returns the local one."""
    host, port = listener.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    local = f"http://{shown}:{port}"
    settings.LOCAL_URL = local
    if not settings.PUBLIC_URL:
        settings.SITE_URL = local
    return local


def serve(listener: socket.socket | None, part: Part = Part.ALL, most: int | None = None) -> None:
    """Run until a signal. Returns when everything is settled. Without a listener nobody can ask how it is."""

    # what is loaded now stays: the collector need not walk through it again while requests wait
    gc.collect()
    gc.freeze()

    async def main() -> None:
        server = Server(Service(part, most))
        await server.serve(sockets=[listener] if listener else [])
        if server.failure is not None:
            raise server.failure

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


@asynccontextmanager
async def running(listener: socket.socket) -> AsyncIterator[Server]:
    """The same inside a command's own loop: runs while the block does. The command minds the signals."""
    server = Server(Service())
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup(sockets=[listener])
    if server.failure is not None:
        raise server.failure
    ticking = asyncio.create_task(server.main_loop())
    try:
        yield server
    finally:
        server.should_exit = True
        await ticking
        await server.shutdown(sockets=[listener])
