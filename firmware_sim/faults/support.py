"""Which fault works on what; where it does not, why."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from firmware_sim.devices.inputs import Distortion
from firmware_sim.errors import RequestError
from firmware_sim.faults import connection, physical, sources, traffic, values
from firmware_sim.faults.effect import Context, Effect
from firmware_sim.faults.kinds import KINDS, Corrupt
from firmware_sim.faults.traffic import TrafficEffect
from firmware_sim.faults.values import ValueEffect

COLUMNS = {
    "input": "an input of a device",
    "device": "a device on a bus",
    "port": "a device on a serial port",
    "bus": "a bus",
}
"""What a fault may be on, by the word of `Target.column`, as a person calls it."""

Make = Callable[[Context], Effect]

_VALUE = "an input has a value, and sends nothing; try it on its device"
_BUS_DEVICES = "a bus does not do this; try it on a device on it"
_INPUTS = "it is a matter of sensors; try it on an input"
_NOT_CAN = "it is a matter of CAN controllers"
_ONE_CONTROLLER = "nobody else would notice; try it on the bus"


def _on_input(distorter: Callable[[Context], Distortion]) -> Make:
    return lambda context: ValueEffect(context, distorter)


def _on_traffic(make: traffic.MakesFilter) -> Make:
    return lambda context: _tapped(context, make)


def _tapped(context: Context, make: traffic.MakesFilter) -> TrafficEffect:
    if not context.target.members:
        expected = "a device, or a bus with devices of the scenario"
        raise RequestError("on", repr(context.target.name), expected)
    return TrafficEffect(context, make)


def _on_line(act: physical.Act) -> Make:
    return lambda context: physical.LineEffect(context, act)


def _corrupt(context: Context) -> Effect:
    spec = context.spec
    assert isinstance(spec, Corrupt)  # noqa: S101 - so is the table
    column = context.target.column
    if spec.field == "wire":
        if column == "port":
            raise RequestError("field", "'wire'", "'bits' or 'crc' on a serial port")
        needs_bit_rate(context)
        return physical.destroy(context)
    if column == "port" and spec.field == "counter":
        raise RequestError("field", "'counter'", "'bits' or 'crc' on a serial port")
    if column != "port" and spec.field != "bits" and spec.byte is None:
        raise RequestError("byte", "nothing", f"the data byte that the {spec.field} is in")
    return _tapped(context, traffic.Changed)


def _reset(context: Context) -> Effect:
    if not connection.can_reset(context):
        raise RequestError("on", repr(context.target.name), "a device that can be reset")
    return connection.ResetEffect(context)


def needs_bit_rate(context: Context) -> None:
    """Refuse a bus without a bit rate.

    Raises:
        RequestError: It has none.
    """
    line = context.target.line
    if line is None or line.bus.line is None:
        expected = "a bus with a bit_rate: without, it has no physical layer"
        raise RequestError("on", repr(context.target.name), expected)


def _physical(make: Make) -> Make:
    def checked(context: Context) -> Effect:
        needs_bit_rate(context)
        return make(context)

    return checked


_cut = partial(connection.Cut, boots=True)
_traffic = _on_traffic
_line = _physical

SUPPORT: dict[str, dict[str, Make | str]] = {
    "off": {"input": _VALUE, "device": _cut, "port": _cut, "bus": _BUS_DEVICES},
    "stuck": {
        "input": _on_input(values.stuck),
        "device": _traffic(traffic.Repeat),
        "port": _traffic(traffic.Repeat),
        "bus": _BUS_DEVICES,
    },
    "wrong": {"input": _on_input(values.wrong), "device": _INPUTS, "port": _INPUTS, "bus": _INPUTS},
    "noise": {"input": _on_input(values.noise), "device": _INPUTS, "port": _INPUTS, "bus": _INPUTS},
    "slow": {
        "input": _on_input(values.slow),
        "device": _traffic(traffic.Thin),
        "port": _traffic(traffic.Thin),
        "bus": "a bus is as fast as its bit_rate; try it on a device on it",
    },
    "delayed": {
        "input": _on_input(values.delayed),
        "device": _traffic(traffic.Late),
        "port": _traffic(traffic.Late),
        "bus": _traffic(traffic.Late),
    },
    "intermittent": {
        "input": _on_input(values.intermittent),
        "device": _traffic(traffic.LooseContact),
        "port": _traffic(traffic.LooseContact),
        "bus": _traffic(traffic.LooseContact),
    },
    "drop": {
        "input": _VALUE,
        "device": _traffic(traffic.SomeUnits),
        "port": _traffic(traffic.SomeUnits),
        "bus": _traffic(traffic.SomeUnits),
    },
    "duplicate": {
        "input": _VALUE,
        "device": _traffic(traffic.Twice),
        "port": _traffic(traffic.Twice),
        "bus": _traffic(traffic.Twice),
    },
    "reorder": {
        "input": _VALUE,
        "device": _traffic(traffic.Overtaken),
        "port": _traffic(traffic.Overtaken),
        "bus": _traffic(traffic.Overtaken),
    },
    "corrupt": {"input": _VALUE, "device": _corrupt, "port": _corrupt, "bus": _corrupt},
    "truncate": {
        "input": _VALUE,
        "device": _traffic(traffic.Cut),
        "port": _traffic(traffic.Cut),
        "bus": _traffic(traffic.Cut),
    },
    "babble": {
        "input": _VALUE,
        "device": _traffic(sources.Sender),
        "port": _traffic(sources.Sender),
        "bus": _BUS_DEVICES,
    },
    "short_line": {
        "input": _VALUE,
        "device": "its line is the whole bus; try it on the bus",
        "port": _traffic(connection.Shorted),
        "bus": _line(_on_line(physical.short)),
    },
    "bus_off": {
        "input": _VALUE,
        "device": _line(_on_line(physical.bus_off)),
        "port": _NOT_CAN,
        "bus": _line(_on_line(physical.bus_off)),
    },
    "error_passive": {
        "input": _VALUE,
        "device": _ONE_CONTROLLER,
        "port": _NOT_CAN,
        "bus": _line(_on_line(physical.error_passive)),
    },
    "no_ack": {
        "input": _VALUE,
        "device": "whoever else is on the bus acknowledges; try it on the bus",
        "port": _NOT_CAN,
        "bus": _line(_on_line(physical.no_ack)),
    },
    "unplug": {
        "input": _VALUE,
        "device": partial(connection.Cut, boots=False),
        "port": connection.Pulled,
        "bus": _BUS_DEVICES,
    },
    "wrong_baud": {
        "input": _VALUE,
        "device": _line(physical.mute_and_destroy),
        "port": connection.WrongSpeed,
        "bus": "all of it would be right again; try it on a device on it",
    },
    "garbage": {
        "input": _VALUE,
        "device": _traffic(sources.Garbler),
        "port": _traffic(sources.Garbler),
        "bus": _BUS_DEVICES,
    },
    "reset": {
        "input": "an input has nothing to reset; try it on its device",
        "device": _reset,
        "port": _reset,
        "bus": _BUS_DEVICES,
    },
}
"""By kind and column: what makes the effect, or why there is none."""

assert SUPPORT.keys() == KINDS.keys()  # noqa: S101 - one vocabulary


def make(context: Context) -> Effect:
    """Return what *context* asks for.

    Raises:
        RequestError: It makes no sense there; the error says why.
    """
    column = context.target.column
    found = SUPPORT[context.spec.kind][column]
    if isinstance(found, str):
        got = f"{context.spec.kind} on {COLUMNS[column]}"
        raise RequestError("kind", got, f"something else: {found}")
    return found(context)


def table() -> str:
    """Return the table of docs/faults.md: a row a kind, a column a kind of target."""
    reasons: list[str] = []
    rows = [
        ["fault", *COLUMNS.values()],
        ["---"] * (len(COLUMNS) + 1),
    ]
    for kind, supported in SUPPORT.items():
        row = [f"`{kind}`"]
        for column in COLUMNS:
            found = supported[column]
            if isinstance(found, str):
                if found not in reasons:
                    reasons.append(found)
                row.append(f"no ({reasons.index(found) + 1})")
            else:
                row.append("yes")
        rows.append(row)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    notes = [f"{number}. {reason}" for number, reason in enumerate(reasons, 1)]
    return "\n".join([*lines, "", *notes])
