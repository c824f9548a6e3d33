"""What can go wrong with a serial port, in one place and in words."""

from __future__ import annotations

import errno
import termios

from gateway.sources.link import LinkState

PORT_ERRORS = (OSError, termios.error, ValueError)
"""Everything that pyserial and the kernel raise for a port: `serial.SerialException` (an OSError),
bare OSError, `termios.error` (which is not one), ValueError for settings that it cannot have."""

_NO_DEVICE = LinkState.ABSENT, "there is no device behind it; is it plugged in?"
_TAKEN = LinkState.BUSY, "another program has it open for itself alone"
_NO_PORT = LinkState.REFUSED, "it is not a serial port"
_FORBIDDEN = (
    LinkState.REFUSED,
    "permission denied; is this user in the group that owns it, such as dialout?",
)
_ADVICE = {
    errno.ENOENT: (LinkState.ABSENT, "there is no such device; is it plugged in?"),
    errno.ENXIO: _NO_DEVICE,
    errno.ENODEV: _NO_DEVICE,
    errno.EIO: (LinkState.ABSENT, "the device does not answer; is it plugged in?"),
    errno.EACCES: _FORBIDDEN,
    errno.EBUSY: _TAKEN,
    errno.EWOULDBLOCK: _TAKEN,
    errno.ENOTTY: _NO_PORT,
    errno.EISDIR: _NO_PORT,
}


def port_trouble(error: BaseException) -> tuple[LinkState, str]:
    """Return what keeps a port from working, by name and in words."""
    # pyserial wraps some errors and leaves their number behind in the wrapped one.
    for each in (error, error.__context__):
        if isinstance(each, OSError | termios.error) and each.args and each.args[0] in _ADVICE:
            return _ADVICE[each.args[0]]
    state = LinkState.REFUSED if isinstance(error, ValueError) else LinkState.LOST
    return state, str(error)
