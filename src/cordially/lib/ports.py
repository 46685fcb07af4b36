"""A place to listen on, or a plain word why there is none."""

from __future__ import annotations

import socket


class PortTaken(Exception):
    """Another program listens there; the message says what to do."""


def bind(host: str, port: int) -> socket.socket:
    """A listening address; port 0 for any that is free. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, UnicodeError) as error:
        listener.close()
        raise PortTaken(_sentence(host, port, error)) from error
    listener.set_inheritable(True)
    return listener


def _sentence(host: str, port: int, error: Exception) -> str:
    if isinstance(error, UnicodeError | socket.gaierror):
        return f"“{host}” is no address of this machine. Choose another host, for example 127.0.0.1."
    why = f"Can't listen on {host}:{port}: {getattr(error, 'strerror', None) or error}."
    return f"{why} Choose another port, for example PORT={port + 1 if port < 65535 else 8000}."
