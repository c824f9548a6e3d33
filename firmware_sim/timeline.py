"""The time line of a scenario: what happens when, at a moment or on an event."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from firmware_sim.errors import RequestError
from firmware_sim.explain import listed
from firmware_sim.rig import Member, Rig
from firmware_sim.schedule import Action
from firmware_sim.section import Duration, Finite, Section, duration_ns

_CONDITION = re.compile(
    r"\s*(?P<device>[\w-]+)\.(?P<name>[\w-]+(?:\.[\w-]+)?)\s*(?P<op>==|!=|<=|>=|<|>)"
    r"\s*(?:'(?P<text>[^']*)'|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))\s*"
)
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class StepSection(Section, frozen=True, kw_only=True):
    """``[[step]]``: values, at a moment or on an event.

    Attributes:
        at: When, since the simulation's start; else at once.
        when: The event; see `Condition`. Each time that it comes to be.
        set: Values to hold inputs at, by ``DEVICE.INPUT``.
        release: Inputs that follow the simulation again, ``DEVICE.INPUT`` or ``DEVICE``.
        reset: Devices to reset.
    """

    at: Duration | None = None
    when: str | None = None
    set: dict[str, Finite] = msgspec.field(default_factory=dict)
    release: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()


class Condition(NamedTuple):
    """An event: ``car.state == 'limp_home'``, ``car.ENGINE_TEMP > 120``.

    ``car.EngineEcu.state`` is that of a part. A device of several parts is in a state when one of
    its parts is. An input has the value that its device saw last.
    """

    member: Member
    holds: Callable[[], bool]


def parse(rig: Rig, text: str) -> Condition:
    """Return what *text* says.

    Raises:
        RequestError: It cannot be understood, or names what there is not.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        expected = "a condition: car.state == 'limp_home' or car.ENGINE_TEMP > 120"
        raise RequestError("when", repr(text), expected)
    member = rig.member(match["device"], "when")
    name, compare = match["name"], _OPERATORS[match["op"]]
    part, _, last = name.rpartition(".")
    if last == "state" and name not in member.units():
        _check_part(member, part, text)
        if match["text"] is None or match["op"] not in ("==", "!="):
            raise RequestError("when", repr(text), "a state compared by == or != with a 'name'")
        wanted, equal = match["text"], match["op"] == "=="
        return Condition(member, lambda: (wanted in _states(member, part)) == equal)
    if name not in member.units():
        raise RequestError("when", repr(text), _what_it_shows(member))
    if match["number"] is None:
        raise RequestError("when", repr(text), "an input compared with a number")
    inputs, limit = member.holding(name), float(match["number"])

    def holds() -> bool:
        value = inputs.last.get(name)
        return value is not None and compare(value, limit)

    return Condition(member, holds)


def watch(rig: Rig, text: str, action: Action) -> Callable[[], None]:
    """Have *action* happen each time that the condition *text* comes to hold; return what ends it.

    Raises:
        RequestError: As of `parse`.
    """
    condition = parse(rig, text)
    held = False

    def look(now_ns: int) -> None:
        nonlocal held
        before, held = held, condition.holds()
        if held and not before:
            action(now_ns)

    places = condition.member.places
    for place in places:
        place.after.append(look)

    def end() -> None:
        for place in places:
            place.after.remove(look)

    return end


def arm(rig: Rig, step: StepSection) -> None:
    """Have *step* happen in its time.

    Raises:
        RequestError: It names what there is not.
    """
    if step.at is not None and step.when is not None:
        raise RequestError("when", repr(step.when), "either at or when")
    values: dict[str, dict[str, float]] = {}
    for address, value in step.set.items():
        device, name = _input(rig, address, "set")
        values.setdefault(device, {})[name] = value
    released = [_released(rig, address) for address in step.release]
    for device in step.reset:
        rig.check_reset(device, "reset")

    def happen(_now_ns: int) -> None:
        for device, held in values.items():
            rig.set(device, held)
        for device, names in released:
            rig.release(device, names)
        for device in step.reset:
            rig.reset(device)

    if step.when is not None:
        watch(rig, step.when, happen)
    else:
        rig.schedule.at(duration_ns(step.at) if step.at is not None else 0, happen)


def _check_part(member: Member, part: str, text: str) -> None:
    state = member.state()
    if state is None or (part and not (isinstance(state, dict) and part in state)):
        raise RequestError("when", repr(text), _what_it_shows(member))


def _what_it_shows(member: Member) -> str:
    state = member.state()
    states = [] if state is None else ["state"]
    if isinstance(state, dict):
        states += [f"{part}.state" for part in state]
    known = listed([*states, *member.units()])
    return (
        f"one of {known}, after '{member.name}.'"
        if known
        else "a device that has a state or inputs"
    )


def _states(member: Member, part: str) -> set[str]:
    """Return the states of *part* of a device, "" for all its parts."""
    state = member.state()
    if isinstance(state, dict):
        return {state[part]} if part else set(state.values())
    return set() if state is None else {state}


def _input(rig: Rig, address: str, where: str) -> tuple[str, str]:
    device, _, name = address.partition(".")
    member = rig.member(device, f"{where}.{address}")
    if name not in member.units():
        known = listed(member.units())
        expected = f"one of {known}, after '{device}.'" if known else "a device that has inputs"
        raise RequestError(f"{where}.{address}", "an unknown input", expected)
    return device, name


def _released(rig: Rig, address: str) -> tuple[str, list[str] | None]:
    if "." not in address:
        rig.member(address, "release")
        return address, None
    device, name = _input(rig, address, "release")
    return device, [name]
