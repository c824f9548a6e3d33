"""Everything the gateway raises on purpose, in one tree.

    GatewayError
     +-- InputError             a file or a key is wrong      -> fix it; exit status 2
     |    +-- ConfigError       the configuration
     |    +-- DatabaseError     a signal database (DBC, KCD, ...)
     |    +-- RecordingError    a recording
     +-- LinkError              the wire                      -> opened again with back-off
     |    +-- LinkClosedError   *we* closed it                (a bug if it escapes)
     |    +-- LinkLostError     the other end went away       (unplugged, link down)
     +-- RingError              the shared memory
          +-- RingTimeout       full or empty until the deadline
          +-- RingClosed        end of stream
          +-- RingEvicted       this reader was declared dead and its place given away
          +-- LockHeld          somebody stands still and holds a lock -> try again later

A caller decides what to do from the *class*; the message is for the human. Bad arguments stay
`ValueError`.
"""

from __future__ import annotations

from pathlib import Path


class GatewayError(Exception):
    """The root of the tree; never raised itself."""


class InputError(GatewayError):
    """A file somebody wrote is wrong. Its text is the one line a person sees.

    Attributes:
        file: The file that is wrong.
        where: The key, or the line or offset, at which it is wrong; "" for the file as a whole.
        got: What was found, as it should be shown.
        expected: What would be right.
    """

    def __init__(self, file: str | Path, where: str, got: object, expected: str) -> None:
        self.file = Path(file)
        self.where = where
        self.got = got
        self.expected = expected
        place = f"{file}: {where}" if where else str(file)
        text = f"{place}: got {got}, expected {expected}"
        # On one line, whatever is in the keys and names that it quotes.
        super().__init__(
            "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
        )


class ConfigError(InputError):
    """The configuration is wrong.

    Attributes:
        others: What else is wrong with it, found in the same reading; a line each.
    """

    others: tuple[ConfigError, ...] = ()


class DatabaseError(InputError):
    """A signal database cannot be used."""


class RecordingError(InputError):
    """A recording cannot be read."""


class LinkError(GatewayError):
    """A device is absent, busy, or refuses its settings; worth another try later.

    Attributes:
        state: What is the matter in one word, a `gateway.sources.link.LinkState`.
    """

    def __init__(self, text: str, state: str = "lost") -> None:
        super().__init__(text)
        self.state = state


class LinkClosedError(LinkError):
    """The link was used outside its ``with`` block."""


class LinkLostError(LinkError):
    """The device went away while in use; the source must be closed and opened again."""


class RingError(GatewayError):
    """The root of what the ring raises."""


class RingTimeout(RingError):  # noqa: N818 - not an error: the caller asked for a limit
    """The deadline passed while the ring was full (``put``) or empty (``get``).

    Attributes:
        published: For ``put``: how many records, from the first on, were published all the same.
    """

    published: int = 0


class RingClosed(RingError):  # noqa: N818 - not an error: the stream ended
    """Put after the end of stream was declared, or get after it was reached.

    Attributes:
        published: For ``put``: how many records, from the first on, were published before.
    """

    published: int = 0


class RingEvicted(RingError):  # noqa: N818 - a fact about this reader, told once
    """This reader was taken for dead, and its place is somebody else's now."""


class LockHeld(RingError):  # noqa: N818 - a fact about somebody else
    """A lock was not free in the time that this process waits for locks at most."""
