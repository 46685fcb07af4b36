"""Which workers of this machine still live: the lease of a dead one need not be waited for.

Each worker keeps a file locked as long as its process lives; the kernel gives the lock back when it dies,
however it dies. A process that is merely stopped keeps its lock, and its lease runs out by the clock. Of
workers on other machines nothing is known here.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import IO

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Life:
    """This worker's name, and its lock. `folder` is made when it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = f"{_machine()}-{secrets.token_hex(8)}"
        self._file: IO[bytes] | None = None

    def begin(self) -> None:
        """Be seen to live. Raises OSError when the folder can't be written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self.name}.lock"
        unseen = path.with_suffix(".new")
        file = unseen.open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        unseen.rename(path)  # locked before anybody can find it
        self._file = file

    def end(self) -> None:
        if self._file is not None:
            self.bury([self.name])
            self._file.close()
            self._file = None

    def dead(self) -> list[str]:
        """Names of workers of this machine that died and are not buried."""
        return [path.stem for path in self._folder.glob(f"{_machine()}-*.lock") if _is_dead(path)]

    def bury(self, names: Iterable[str]) -> None:
        """Forget these."""
        for name in names:
            (self._folder / f"{name}.lock").unlink(missing_ok=True)


def _machine() -> str:
    """The same for all processes of one machine from boot to boot; one that nobody shares elsewhere."""
    try:
        return _BOOT.read_text().strip().replace("-", "")[:16]
    except OSError:
        return f"{os.getpid()}x"


def _is_dead(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
