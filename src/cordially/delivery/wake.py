"""A hint to this process's engine that there is work. A lost hint loses nothing: the sweep looks anyway."""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[], None]] = []


def listen(listener: Callable[[], None]) -> None:
    """Call `listener` (thread-safe, quick) at every wake."""
    _listeners.append(listener)


def unlisten(listener: Callable[[], None]) -> None:
    if listener in _listeners:
        _listeners.remove(listener)


def wake() -> None:
    """Say that there may be work. Any thread, any time; never fails."""
    for listener in list(_listeners):
        listener()
