"""What a test expects, as text: ``EngineStatus.LIMP_HOME == 1 and RPM < 4000``.

Python's own grammar, of which this much has a meaning::

    names          signals: SIGNAL, MESSAGE.SIGNAL or SOURCE.MESSAGE.SIGNAL
    numbers        and the words that a database has for a signal's values: IN_PIT == "pit"
    + - * / %      abs(x)   min(x, y, ...)   max(x, y, ...)
    < <= == != >= >       0 < RPM < 4000
    and or not     a number alone stands for "is not 0"

It is parsed with `ast` and put together from functions; nothing is ever evaluated as Python.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.bench.errors import BenchError
from gateway.config.show import as_toml, one_of
from gateway.signals import Signal

Values = Sequence[float]
"""The values of an expression's signals, in the order of `Expression.signals`."""
Number = Callable[[Values], float]
Words = Callable[[Signal], Mapping[str, float]]
"""Returns the words that a signal has for its values."""

LONGEST = 1000
_ALLOWED = "a comparison of signals, such as 'EngineStatus.RPM > 4000 and not IN_PIT'"

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_COMPARISONS: dict[type[ast.cmpop], tuple[Callable[[float, float], bool], type[ast.cmpop]]] = {
    ast.Lt: (operator.lt, ast.GtE),
    ast.LtE: (operator.le, ast.Gt),
    ast.Eq: (operator.eq, ast.NotEq),
    # Not operator.ne, by which what cannot be computed, NaN, would differ from everything.
    ast.NotEq: (lambda one, other: one < other or one > other, ast.Eq),
    ast.GtE: (operator.ge, ast.Lt),
    ast.Gt: (operator.gt, ast.LtE),
}
"""Each with what it compares by, and its opposite."""
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    # By Python's own, what is not known (NaN) counts or not by where it stands.
    "min": lambda *values: math.nan if any(map(math.isnan, values)) else min(values),
    "max": lambda *values: math.nan if any(map(math.isnan, values)) else max(values),
}


@dataclass(frozen=True, slots=True)
class Truth:
    """A condition, put together.

    Attributes:
        holds: Whether it holds for given values. False where it cannot be said (a division by 0).
        distance: How far the values are from where it holds; 0 where it does.
    """

    holds: Callable[[Values], bool]
    distance: Callable[[Values], float]


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition on signals.

    Attributes:
        text: As it was written.
        signals: What it is about; the order of the values that its functions take.
        holds: See `Truth`.
        distance: See `Truth`. In the unit of the comparison that is furthest from holding.
        thresholds: The constants that signals are compared with, by the signals' positions.
    """

    text: str
    signals: tuple[Signal, ...]
    holds: Callable[[Values], bool]
    distance: Callable[[Values], float]
    thresholds: tuple[tuple[int, float], ...]


def parse_expression(
    text: str, resolve: Callable[[str], Signal], words: Words = lambda _: {}
) -> Expression:
    """Return what *text* means.

    Args:
        text: One expression.
        resolve: Returns the signal of a name; raises `LookupError` with what would be right.
        words: See `Words`.

    Raises:
        BenchError: It is none, or names what there is not; in one line.
    """
    return _Parser(text, resolve, words).parse()


class _Parser:
    def __init__(self, text: str, resolve: Callable[[str], Signal], words: Words) -> None:
        self._text = text
        self._resolve = resolve
        self._words = words
        self._slots: dict[Signal, int] = {}
        self._thresholds: dict[tuple[int, float], None] = {}

    def parse(self) -> Expression:
        text = self._text
        if not isinstance(text, str) or not text.strip():
            raise BenchError(f"expression: got {text!r}, expected {_ALLOWED}")
        if len(text) > LONGEST:
            raise BenchError(f"expression: got {len(text)} characters, expected at most {LONGEST}")
        try:
            tree = ast.parse(text.strip(), mode="eval")
            truth = self._truth(tree.body, negated=False)
        except SyntaxError as error:
            raise self._wrong(f"{error.msg} at character {error.offset}", _ALLOWED) from None
        except (ValueError, OverflowError, RecursionError, MemoryError) as error:
            raise self._wrong(str(error) or "brackets in brackets in ...", _ALLOWED) from None
        if not self._slots:
            raise self._wrong("no signal in it", _ALLOWED)
        return Expression(
            text.strip(), tuple(self._slots), truth.holds, truth.distance, tuple(self._thresholds)
        )

    def _truth(self, node: ast.expr, *, negated: bool) -> Truth:
        """Return a condition, or its opposite: a `not` is moved down to the comparisons."""
        match node:
            case ast.BoolOp(op, parts):
                truths = [self._truth(part, negated=negated) for part in parts]
                return _every(truths) if isinstance(op, ast.And) != negated else _some(truths)
            case ast.UnaryOp(ast.Not(), operand):
                return self._truth(operand, negated=not negated)
            case ast.Compare(left, operators, comparators):
                sides = [left, *comparators]
                truths = [
                    self._comparison(one, op, other, negated=negated)
                    for one, op, other in zip(sides, operators, comparators, strict=False)
                ]
                if len(truths) == 1:
                    return truths[0]
                return _some(truths) if negated else _every(truths)
        number = self._number(node)
        return _compared(number, ast.Eq if negated else ast.NotEq, lambda _: 0.0)

    def _comparison(self, one: ast.expr, op: ast.cmpop, other: ast.expr, *, negated: bool) -> Truth:
        kind = type(op)
        if kind not in _COMPARISONS:
            raise self._wrong(f"'{_source(one)} {_name(op)} ...'", "one of < <= == != >= >")
        left, right = self._side(one, other), self._side(other, one)
        for signal, constant in ((one, other), (other, one)):
            self._note_threshold(signal, constant)
        return _compared(left, _COMPARISONS[kind][1] if negated else kind, right)

    def _side(self, node: ast.expr, opposite: ast.expr) -> Number:
        """Return one side of a comparison; a text is a word of the signal on the other side."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            value = self._word(node.value, opposite)
            return lambda _: value
        return self._number(node)

    def _word(self, word: str, opposite: ast.expr) -> float:
        if not isinstance(opposite, ast.Name | ast.Attribute):
            raise self._wrong(as_toml(word), "a number, or a word compared with a signal")
        name = _source(opposite)
        words = self._words(self._signal(name))
        if word not in words:
            known = one_of(map(as_toml, words)) if words else f"a number: {name} has no words"
            raise self._wrong(as_toml(word), known)
        return words[word]

    def _number(self, node: ast.expr) -> Number:
        match node:
            case ast.Constant(value) if isinstance(value, int | float):
                constant = float(value)
                return lambda _: constant
            case ast.Name() | ast.Attribute():
                signal = self._signal(_source(node))
                return operator.itemgetter(self._slots.setdefault(signal, len(self._slots)))
            case ast.UnaryOp(ast.USub(), operand):
                inner = self._number(operand)
                return lambda values: -inner(values)
            case ast.UnaryOp(ast.UAdd(), operand):
                return self._number(operand)
            case ast.BinOp(left, op, right) if type(op) in _ARITHMETIC:
                return _computed(_ARITHMETIC[type(op)], self._number(left), self._number(right))
            case ast.Call(ast.Name(name), arguments, []) if name in _FUNCTIONS:
                if len(arguments) != 1 if name == "abs" else len(arguments) < 2:
                    expected = "one argument" if name == "abs" else "two arguments or more"
                    raise self._wrong(f"'{_source(node)}'", expected)
                function, inner_ones = _FUNCTIONS[name], [self._number(each) for each in arguments]
                return lambda values: function(*(each(values) for each in inner_ones))
        raise self._wrong(f"'{_source(node)}'", "a signal, a number, + - * / %, abs, min or max")

    def _signal(self, name: str) -> Signal:
        try:
            return self._resolve(name)
        except LookupError as error:
            raise self._wrong(f"'{name}'", str(error)) from None

    def _note_threshold(self, signal: ast.expr, constant: ast.expr) -> None:
        if not isinstance(signal, ast.Name | ast.Attribute):
            return
        slot = self._slots[self._signal(_source(signal))]
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
            self._thresholds[slot, self._word(constant.value, signal)] = None
        elif not any(isinstance(each, ast.Name) for each in ast.walk(constant)):
            threshold = self._number(constant)(())
            if math.isfinite(threshold):
                self._thresholds[slot, threshold] = None

    def _wrong(self, got: str, expected: str) -> BenchError:
        return BenchError(f"expression {as_toml(self._text)}: got {got}, expected {expected}")


def _compared(left: Number, kind: type[ast.cmpop], right: Number) -> Truth:
    compare = _COMPARISONS[kind][0]

    def distance(values: Values) -> float:
        one, other = left(values), right(values)
        return 0.0 if compare(one, other) else abs(one - other)

    return Truth(lambda values: compare(left(values), right(values)), distance)


def _every(truths: Sequence[Truth]) -> Truth:
    return Truth(
        lambda values: all(each.holds(values) for each in truths),
        lambda values: max(each.distance(values) for each in truths),
    )


def _some(truths: Sequence[Truth]) -> Truth:
    return Truth(
        lambda values: any(each.holds(values) for each in truths),
        lambda values: min(each.distance(values) for each in truths),
    )


def _computed(function: Callable[[float, float], float], left: Number, right: Number) -> Number:
    def compute(values: Values) -> float:
        try:
            return function(left(values), right(values))
        except ArithmeticError:
            return math.nan  # compares as false with everything: nothing can be said

    return compute


def _source(node: ast.expr) -> str:
    return ast.unparse(node)


def _name(op: ast.cmpop) -> str:
    return {ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not"}[type(op)]
