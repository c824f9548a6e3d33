"""What a report says of the bench: enough to repeat the run."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version

from gateway.bench.bench_file import BenchFile, IsoTpConfig, can_sources
from gateway.bench.choice import Choice
from gateway.bench.errors import NoAnswer
from gateway.bench.request import NEGATIVE, ask
from gateway.bench.rig import Rig
from gateway.clock import NS_PER_S
from gateway.config.model import Config

TRIES_NS = (NS_PER_S // 2, 2 * NS_PER_S)
"""A device that has just got its supply may not hear the first request."""


def versions(choice: Choice, file: BenchFile, config: Config) -> list[str]:
    """Return lines for the head of the report. Opens no link."""
    files = ", ".join(filter(None, [file.file.name, file.scenario]))
    lines = [
        f"bench: {choice.name} ({files})",
        f"bench: Linux {platform.release()}, python-can {version('python-can')}, "
        f"embedded-gateway {version('embedded-gateway')}",
    ]
    for source in can_sources(config):
        for path in source.dbc:
            digest = hashlib.sha256(config.resolve(path).read_bytes()).hexdigest()
            lines.append(f"bench: {source.name}: {path} sha256 {digest[:16]}")
    return lines


def firmware_versions(rig: Rig) -> list[str]:
    """Ask the devices that the bench file has a ``version`` request for."""
    lines = []
    for name, address in rig.file.isotp.items():
        if address.version is None:
            continue
        lines.append(f"bench: {name}: {_version(rig, address, bytes.fromhex(address.version))}")
    return lines


def _version(rig: Rig, address: IsoTpConfig, asked: bytes) -> str:
    for within_ns in TRIES_NS:
        try:
            answer = ask(rig, address, asked, within_ns)[0]
        except NoAnswer as error:
            said = str(error)
        else:
            if answer[0] == NEGATIVE:
                return f"does not tell its version: answered {answer.hex(' ')}"
            return f"firmware {_text(answer[len(asked) :])}"
    return said


def _text(answer: bytes) -> str:
    """Return an answer's text, or its bytes where it is none."""
    letters = "".join(chr(byte) for byte in answer if ord(" ") <= byte <= ord("~")).strip()
    return letters if len(letters) >= len(answer.strip(b"\0")) - 1 > 0 else answer.hex(" ")
