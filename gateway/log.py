"""One line a log record: text for people, or JSON for programs."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from typing import Literal

from gateway.clock import format_utc

LogFormat = Literal["text", "json"]


class _TextFormatter(logging.Formatter):
    # UTC, as alarm events are printed: the two are read side by side.
    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s", "%H:%M:%S")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": format_utc(int(record.created * 1e9)),
            "level": record.levelname.lower(),
            "process": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _PipeHandler(logging.Handler):
    """Hands lines to whoever draws on the terminal, which a log line would tear.

    A line is at most PIPE_BUF (4,096) bytes, so that lines of several processes do not mix. The
    pipe does not block: a view that does not read must not stop the gateway.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record).replace("\n", " | ")
        line = text.encode(errors="backslashreplace")[:4000] + b"\n"
        try:
            os.write(self._descriptor, line)
        except OSError:
            sys.stderr.buffer.write(line)


def pour_out(pipe: int) -> None:
    """Print on standard error what waits in the reading end *pipe*: nobody draws it any more."""
    try:
        while waiting := os.read(pipe, 1 << 16):
            sys.stderr.buffer.write(waiting)
            sys.stderr.flush()
    except BlockingIOError:
        return


def set_up_logging(log_format: LogFormat = "text", pipe: int | None = None) -> None:
    """Send the log to standard error, or to the writing end *pipe* of a non-blocking pipe."""
    handler = logging.StreamHandler() if pipe is None else _PipeHandler(pipe)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
