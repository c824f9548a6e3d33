"""From the plain tables of a TOML file to the structs of the model, every error named.

msgspec checks the single values. It stops at the first error and gives all items of a list the
same name, so the walk from table to table is done here.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Callable, Iterable
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import msgspec
from msgspec import Meta

from gateway.config.model import Section
from gateway.config.show import as_key, as_toml, one_of
from gateway.config.values import Duration, FieldError

Report = Callable[[str, str, str], None]
"""Called with a key, what was found there, and what was expected."""

_T = TypeVar("_T", bound=Section)


class Bad:
    """Stands for a value that could not be converted, and was reported."""


BAD = Bad()

_PLAIN = {str: "text", int: "an integer", float: "a number", bool: "true or false"}


def to_section(raw: object, kind: type[_T], key: str, report: Report, **given: object) -> _T | Bad:
    """Return the table *raw* as a struct; report everything that is wrong with it.

    Args:
        raw: What stands in the file where the table is expected.
        kind: The struct.
        key: What the table is called; "" for the file as a whole.
        report: See `Report`.
        given: Fields that do not come from the file; there they are unknown keys.
    """
    if not isinstance(raw, dict):
        report(key, as_toml(raw), "a table")
        return BAD
    tag_field = kind.__struct_config__.tag_field
    fields = {name: hint for name, hint in fields_of(kind).items() if name not in given}
    values = dict(given)
    for name, value in raw.items():
        if name in fields:
            values[name] = _to_value(value, fields[name], _join(key, name), report)
        elif name != tag_field:
            report(_join(key, as_key(name)), "an unknown key", _suggest(name, tag_field, fields))
            values[name] = BAD
    for field in msgspec.structs.fields(kind):
        if field.required and field.name not in values:
            report(_join(key, field.name), "nothing", describe(fields[field.name]))
            values[field.name] = BAD
    if BAD in values.values():
        return BAD
    try:
        return kind(**values)
    except FieldError as error:
        report(_join(key, error.key), error.got, error.expected)
        return BAD


def fields_of(kind: type[Section]) -> dict[str, Any]:
    """Return the type of every field of a struct, annotations included, in order."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}


def describe(kind: object) -> str:
    """Return in words what a value of a field's type is: "an integer from 1 to 64"."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _describe_annotated(arguments[0], arguments[1:])
    if origin is Literal:
        return one_of(as_toml(value) for value in arguments)
    if members := _members(kind):
        return one_of(describe(member) for member in members)
    if kind is Duration:
        return Duration.EXPECTED
    if origin is tuple:
        item = arguments[0]
        return (
            "a list of tables, headed [[ ]]"
            if _sections(item)
            else f"a list, each item {describe(item)}"
        )
    return _PLAIN.get(kind, "a table")  # type: ignore[call-overload, no-any-return]


def _describe_annotated(kind: object, extras: Iterable[object]) -> str:
    meta = next(extra for extra in extras if isinstance(extra, Meta))
    return meta.description or f"{describe(kind)} from {meta.ge} to {meta.le}"


def _to_value(raw: object, kind: object, key: str, report: Report) -> object:
    """Return *raw* as the type *kind*, going down into lists and tables item by item."""
    shape = _shape_for(raw, kind)
    origin, arguments = get_origin(shape), get_args(shape)
    if sections := _sections(shape):
        return to_section(raw, sections[0], key, report)
    if origin is tuple and arguments[-1] is Ellipsis and isinstance(raw, list):
        items = [
            _to_item(item, arguments[0], key, number, report)
            for number, item in enumerate(raw, start=1)
        ]
        return BAD if BAD in items else tuple(items)
    if origin is dict and isinstance(raw, dict):
        table = {}
        for name, value in raw.items():
            called = _join(key, as_key(name))
            known = _to_value(name, arguments[0], called, report)
            table[known] = _to_value(value, arguments[1], called, report)
        return BAD if BAD in table or BAD in table.values() else table
    try:
        return msgspec.convert(raw, type=kind, dec_hook=_to_duration)
    except msgspec.ValidationError:
        report(key, as_toml(raw), describe(kind))
        return BAD


def _to_item(raw: object, kind: object, key: str, number: int, report: Report) -> object:
    """Return an item of a list. It is called by its name, or by its number where it has none."""
    sections = _sections(kind)
    if not sections:
        return _to_value(raw, kind, f"{key} #{number}", report)
    name = raw.get("name") if isinstance(raw, dict) else None
    plain = isinstance(name, str) and as_key(name) == name
    called = f'{key} "{name}"' if plain else f"{key} #{number}"
    if len(sections) == 1 or not isinstance(raw, dict):
        return to_section(raw, sections[0], called, report)
    tags = {section.__struct_config__.tag: section for section in sections}
    tag_field = str(sections[0].__struct_config__.tag_field)
    tag = raw.get(tag_field)
    if isinstance(tag, str) and tag in tags:
        return to_section(raw, tags[tag], called, report)
    got = as_toml(tag) if tag_field in raw else "nothing"
    report(_join(called, tag_field), got, one_of(as_toml(tag) for tag in tags))
    return BAD


def _to_duration(kind: type, raw: object) -> Duration:
    if kind is not Duration or not isinstance(raw, str):
        raise TypeError(type(raw).__name__)  # not the value itself, which str() may refuse
    return Duration.parse(raw)


def _shape_for(raw: object, kind: object) -> object:
    """Return the member of a union that is a list, if *raw* is one; else *kind* itself."""
    lists = [member for member in _members(kind) if get_origin(member) is tuple]
    return lists[0] if lists and isinstance(raw, list) else kind


def _members(kind: object) -> list[Any]:
    """Return the members of a union but for None, or nothing where *kind* is no union."""
    if get_origin(kind) not in (Union, types.UnionType):
        return []
    return [member for member in get_args(kind) if member is not type(None)]


def _sections(kind: object) -> list[type[Section]]:
    """Return *kind* if it is a struct, or its members if it is a union of structs."""
    members = _members(kind) or [kind]
    return [m for m in members if isinstance(m, type) and issubclass(m, Section)]


def _suggest(name: str, tag_field: str | None, fields: Iterable[str]) -> str:
    known = [*([tag_field] if tag_field else []), *fields]
    close = difflib.get_close_matches(name, known, n=1)
    return close[0] if close else one_of(known)


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key and name else key or name
