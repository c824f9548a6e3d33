"""The configuration's links, as they are on a bench whose devices are simulated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.bench.bench_file import BenchFile
from gateway.bench.choice import Choice
from gateway.bench.errors import BenchError
from gateway.bench.simulator import Simulator
from gateway.config.model import CanConfig, Config, SerialConfig, SourceConfig
from gateway.config.polled import ModbusConfig, ObdConfig
from gateway.config.show import as_toml, one_of


def placed(config: Config, file: BenchFile, choice: Choice, simulator: Simulator) -> Config:
    """Return *config* with the links on which *simulator*'s devices are.

    On a bench given by its own file they stay as they are written, and the simulated buses are
    joined to the interfaces that its ``bridge`` names.

    Raises:
        BenchError: A source is none of the scenario's buses and ports, or cannot be joined.
    """
    state = simulator.ask("state")
    buses = {name: bus["channel"] for name, bus in state["buses"].items()}
    if choice.file is not None:
        for bus, interface in file.bridge.items():
            simulator.bridge(_named(file, "bridge", bus, bus, buses), interface)
        return config
    ports = {device: port["path"] for device, port in state["ports"].items()}
    free = list(choice.interfaces)
    joined: dict[str, str] = {}
    sources: list[SourceConfig] = []
    for source in config.source:
        if isinstance(source, CanConfig | ObdConfig):
            wanted = file.buses.get(source.name)
            channel = _named(file, "buses", source.name, wanted, buses, source.channel)
            if choice.interfaces and channel not in joined:
                if not free:
                    got = f"{len(choice.interfaces)} of them"
                    raise BenchError(f"--bench={choice.name}: got {got}, expected one for each bus")
                joined[channel] = free.pop(0)
                simulator.bridge(channel, joined[channel])
            place = {"interface": "firmware_sim", "channel": channel}
            if channel in joined:
                place = {"interface": "socketcan", "channel": joined[channel]}
            sources.append(msgspec.structs.replace(source, **place, bitrate=None, options={}))
        elif isinstance(source, SerialConfig | ModbusConfig):
            wanted = file.ports.get(source.name)
            port = _named(file, "ports", source.name, wanted, ports, Path(source.port).name)
            sources.append(msgspec.structs.replace(source, port=port))
        else:
            sources.append(source)
    return msgspec.structs.replace(config, source=tuple(sources))


def _named(
    file: BenchFile,
    key: str,
    source: str,
    wanted: str | None,
    there: Mapping[str, str],
    other: str = "",
) -> str:
    """Return the simulated link that is *wanted*, or else goes by the *source*'s name."""
    for name in (wanted,) if wanted else (source, other):
        if name in there:
            return there[name]
    if wanted is None and len(there) == 1:
        return next(iter(there.values()))
    got = f"nothing for source {as_toml(source)}" if wanted is None else as_toml(wanted)
    known = one_of(map(as_toml, there)) if there else "one, and the scenario has none"
    raise BenchError(f"{file.file}: {key}: got {got}, expected {known}")
