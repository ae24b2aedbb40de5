# SPDX-License-Identifier: Apache-2.0
"""Nuke's expression language, as far as our gizmos use it, on numbers and on whole channels."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][\w.]*)"
    r"|(?P<op>\|\||&&|==|!=|<=|>=|[-+*/%<>!?:(),]))"
)
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "fabs": np.abs,
    "sqrt": np.sqrt,
    "floor": np.floor,
    "ceil": np.ceil,
    "exp": np.exp,
    "min": lambda *v: _fold(np.minimum, v),
    "max": lambda *v: _fold(np.maximum, v),
    "clamp": lambda v, low=0.0, high=1.0: np.minimum(np.maximum(v, low), high),
}
_BINARY = [
    {"||": lambda a, b: (a != 0) | (b != 0)},
    {"&&": lambda a, b: (a != 0) & (b != 0)},
    {"==": np.equal, "!=": np.not_equal},
    {"<": np.less, ">": np.greater, "<=": np.less_equal, ">=": np.greater_equal},
    {"+": np.add, "-": np.subtract},
    {"*": np.multiply, "/": np.divide, "%": np.fmod},
]


def _fold(function, values):
    out = values[0]
    for value in values[1:]:
        out = function(out, value)
    return out


class ExpressionFault(Exception):
    """What Nuke would refuse."""


def tokens(text: str) -> list[tuple[str, str]]:
    out, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExpressionFault(f"cannot read {text[at:]!r} in {text!r}")
        kind = match.lastgroup
        out.append((kind, match[kind]))
        at = match.end()
    return out


def names(text: str) -> set[str]:
    """The names that an expression reads, functions left out."""
    found = tokens(text)
    following = [value for _, value in found[1:]] + [""]
    return {
        value
        for (kind, value), after in zip(found, following, strict=True)
        if kind == "name" and after != "("
    }


def evaluate(text: str, resolve: Callable[[str], Any]) -> Any:
    """Evaluate with `resolve` giving the value of a name."""
    reader = _Reader(tokens(text), resolve, text)
    with np.errstate(all="ignore"):
        value = reader.ternary()
    if reader.at != len(reader.tokens):
        raise ExpressionFault(f"{reader.tokens[reader.at][1]!r} too much in {text!r}")
    return value


class _Reader:
    def __init__(self, found, resolve, text):
        self.tokens, self.resolve, self.text, self.at = found, resolve, text, 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        if self.at >= len(self.tokens) or (wanted and self.peek() != wanted):
            raise ExpressionFault(f"expected {wanted!r}, got {self.peek()!r} in {self.text!r}")
        self.at += 1
        return self.tokens[self.at - 1]

    def ternary(self):
        condition = self.binary(0)
        if self.peek() != "?":
            return condition
        self.take("?")
        yes = self.ternary()
        self.take(":")
        no = self.ternary()
        if isinstance(condition, np.ndarray):
            return np.where(condition != 0, yes, no)
        return yes if condition else no

    def binary(self, level: int):
        if level == len(_BINARY):
            return self.unary()
        left = self.binary(level + 1)
        while self.peek() in _BINARY[level]:
            operator = self.take()[1]
            left = _BINARY[level][operator](left, self.binary(level + 1))
            if not isinstance(left, np.ndarray):
                left = float(left)
        return left

    def unary(self):
        if self.peek() in ("-", "!", "+"):
            operator = self.take()[1]
            value = self.unary()
            return -value if operator == "-" else (value == 0) * 1.0 if operator == "!" else value
        kind, value = self.take()
        if kind == "number":
            return float(value)
        if value == "(":
            inner = self.ternary()
            self.take(")")
            return inner
        if kind != "name":
            raise ExpressionFault(f"{value!r} in {self.text!r}")
        if self.peek() == "(":
            if value not in _FUNCTIONS:
                raise ExpressionFault(f"unknown function {value} in {self.text!r}")
            self.take("(")
            arguments = [self.ternary()]
            while self.peek() == ",":
                self.take(",")
                arguments.append(self.ternary())
            self.take(")")
            return _FUNCTIONS[value](*arguments)
        return self.resolve(value)
