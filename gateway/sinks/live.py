"""The live view: a table that is drawn anew a few times a second, or lines where it cannot be."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.control import Control
from rich.live import Live

from gateway.clock import NS_PER_MS, NS_PER_S
from gateway.sinks.live_model import LiveModel
from gateway.sinks.live_picture import LiveRenderer
from gateway.sinks.live_text import alarms_text, loss_text, processes_text, traffic_text

REFRESH_NS = 250 * NS_PER_MS
SUMMARY_NS = 5 * NS_PER_S


class LiveView(Protocol):
    """Shows a `LiveModel`. Used by one process, from one thread; it starts none.

    What it cannot show, because the terminal has gone, it passes over: a view must not stop what
    it shows.

    Attributes:
        gone: Whether the terminal has gone, or whoever read the lines.
    """

    gone: bool

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def update(self, now_ns: int) -> int:
        """Show what is new, if it is time.

        Args:
            now_ns: CLOCK_MONOTONIC.

        Returns:
            When to call again, on the same clock; earlier calls cost next to nothing.
        """
        ...


def open_view(model: LiveModel, stream: TextIO | None = None) -> LiveView:
    """Return the view that suits *stream*, standard output by default."""
    stream = stream or sys.stdout
    console = Console(file=stream, highlight=False)
    # Not console.is_terminal: in some environments a variable makes it true for a pipe, too.
    if stream.isatty() and not console.is_dumb_terminal:
        return LiveScreen(model, console)
    return PlainView(model, stream)


class LiveScreen:
    """The table, on a terminal. The last picture stays when the view ends.

    Args:
        model: What is shown.
        console: Where.
    """

    def __init__(self, model: LiveModel, console: Console) -> None:
        self._model = model
        self._console = console
        self._renderer = LiveRenderer(model, ascii_only=console.options.ascii_only)
        # Standard output and error are left alone: a forked child would inherit rich's stand-in
        # and draw the whole table with every line that it logs.
        self._live = Live(
            console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._size = console.size
        self._next_ns = 0
        self.gone = False

    def __enter__(self) -> Self:
        """Hide the cursor and take the lines below it."""
        try:
            self._live.start()
        except OSError:
            self.gone = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Draw the last picture and give the terminal back."""
        self._draw()
        try:
            self._live.stop()
        except OSError:
            self.gone = True

    def update(self, now_ns: int) -> int:
        """See `LiveView`."""
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + REFRESH_NS
            self._model.tick(now_ns)
            self._draw()
        return self._next_ns

    def _draw(self) -> None:
        if self.gone:
            return
        size = self._console.size
        try:
            if size != self._size:
                # The terminal has wrapped the old lines anew, so nobody knows where they begin.
                self._console.control(Control.clear(), Control.home())
                self._size = size
            # A line is left free: a full terminal would scroll when the view ends.
            picture = self._renderer.render(size.width, max(size.height - 1, 1))
            self._live.update(picture, refresh=True)
        except OSError:
            self.gone = True


class PlainView:
    """A line for each warning, and now and then one that sums up; for a pipe, a file, a log.

    Args:
        model: What is shown.
        stream: Where.
    """

    def __init__(self, model: LiveModel, stream: TextIO) -> None:
        self._model = model
        self._stream = stream
        self._printed = model.noticed
        self._next_ns: int | None = None
        self.gone = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Print the warnings that are left."""
        self._print_notices()

    def update(self, now_ns: int) -> int:
        """See `LiveView`."""
        self._print_notices()
        if self._next_ns is None:
            self._model.tick(now_ns)
            self._next_ns = now_ns + SUMMARY_NS
        elif now_ns >= self._next_ns:
            self._model.tick(now_ns)
            self._print(_summary(self._model))
            self._next_ns = now_ns + SUMMARY_NS
        return self._next_ns

    def _print_notices(self) -> None:
        notices = self._model.notices
        new = self._model.noticed - self._printed
        if new > len(notices):
            self._print(f"({new - len(notices):,} warnings more than could be printed)")
        for notice in list(notices)[max(len(notices) - new, 0) :]:
            self._print(notice.text)
        self._printed = self._model.noticed

    def _print(self, line: str) -> None:
        if self.gone:
            return
        encoding = self._stream.encoding or "utf-8"
        try:
            print(line.encode(encoding, "replace").decode(encoding), file=self._stream, flush=True)
        except OSError:
            self.gone = True


def _summary(model: LiveModel) -> str:
    texts = (processes_text(model), loss_text(model), alarms_text(model), traffic_text(model))
    return " | ".join(text for text in texts if text)
