"""What a session's daemon and its tasks share: one file in the session's folder, and messages.

The file names a port of this machine's own loopback address and holds a random key; only who can read the file can
speak to the daemon. Messages are JSON objects:

    task to daemon                                             daemon to task
    {"verb": "run", "arguments": [...], "folder": "..."}       {"text": "..."} as the command prints
    {"verb": "cancel"}, or the connection is closed            {"exit_code": 0}
    {"verb": "end"}                                            {"exit_code": 0}
    {"verb": "ping"}                                           {"pid": 123, "runs": 2}
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from headroom.errors import HeadroomError

__all__ = ["LOG", "Session", "receive", "send", "session_file"]

LOG = "headroom-session.log"
"""What the daemon and the libraries in it print outside of tasks."""
_FILE = "headroom-session.json"
_KEY_BYTES = 32
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Session:
    """How to reach a daemon."""

    port: int
    pid: int
    key: str

    @classmethod
    def new_key(cls) -> str:
        """A secret for one session."""
        return secrets.token_hex(_KEY_BYTES)

    @classmethod
    def read(cls, folder: Path) -> Session | None:
        """The folder's daemon; None where there is none, or one that is just being started."""
        try:
            return cls(**json.loads(session_file(folder).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """For the owner's eyes only; complete or absent."""
        path = session_file(folder)
        partial = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)
        partial.replace(path)

    @property
    def secret(self) -> bytes:
        """What both ends prove to know."""
        return self.key.encode()

    @property
    def address(self) -> tuple[str, int]:
        """Of this machine alone."""
        return LOOPBACK, self.port


class SessionError(HeadroomError):
    """The session's daemon cannot be reached."""


def session_file(folder: Path) -> Path:
    """Where the daemon of a session's folder says how to reach it."""
    return folder / _FILE


def send(connection: Connection, **content: Any) -> None:
    """One message; `OSError` where nobody is there."""
    connection.send_bytes(json.dumps(content).encode())


def receive(connection: Connection) -> dict[str, Any]:
    """The next message; `EOFError` or `OSError` where the other end has gone."""
    message = json.loads(connection.recv_bytes())
    if not isinstance(message, dict):
        raise OSError("not a message")
    return message
