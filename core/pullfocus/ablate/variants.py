# SPDX-License-Identifier: Apache-2.0
"""Presets with fields put over them, written ``paper:start=motion:networks.width=64``."""

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pullfocus.errors import SolveError
from pullfocus.solve.presets import preset_settings
from pullfocus.solve.settings import SolveSettings

__all__ = ["Variant", "parse_variant", "with_field"]

_NESTED = ("points", "model", "networks", "lens", "observe")


@dataclass(frozen=True)
class Variant:
    """One column of an ablation."""

    label: str
    """As the user wrote it."""
    settings: SolveSettings

    @property
    def file_name(self) -> str:
        """The label as a folder's name."""
        return "".join(c if c.isalnum() or c in "-=.," else "_" for c in self.label)


def parse_variant(text: str, overrides: tuple[str, ...] = (), *, weights: str) -> Variant:
    """Read ``PRESET`` or ``PRESET:FIELD=VALUE...``.

    Args:
        text: the preset and its own fields; the label of the variant.
        overrides: FIELD=VALUE for every variant, which its own fields win over.
        weights: set of loss weights; a field ``weights=`` wins over it.

    Raises:
        SolveError: an unknown preset or field, or a value that does not fit.
    """
    name, *own = text.split(":")
    for one in (*overrides, *own):
        field, _, value = one.partition("=")
        if field == "weights":
            weights = value
    settings = preset_settings(name, weights=weights)
    for one in (*overrides, *own):
        field, equals, value = one.partition("=")
        if not (field and equals and value):
            raise SolveError(f"expected FIELD=VALUE, got {one!r}")
        if field != "weights":
            settings = with_field(settings, field, value)
    return Variant(text, settings)


def with_field(settings: Any, field: str, text: str) -> Any:
    """Return settings with one field set, found by its name or dotted path.

    A name that several settings have means the outermost.

    Raises:
        SolveError: no such field, a value of another kind, or none of its choices.
    """
    first, _, rest = field.partition(".")
    names = {f.name for f in dataclasses.fields(settings)}
    nested_names = _nested(settings)
    if rest and first in nested_names:
        inner = with_field(getattr(settings, first), rest, text)
        return dataclasses.replace(settings, **{first: inner})
    if not rest and first in names and first not in nested_names:
        kind = get_type_hints(type(settings))[first]
        if get_origin(kind) is Literal and text not in get_args(kind):
            choices = ", ".join(get_args(kind))
            raise SolveError(f"expected {field} of {choices}, got {text!r}")
        value = _converted(getattr(settings, first), field, text)
        return dataclasses.replace(settings, **{first: value})
    for nested in nested_names:
        if _has(getattr(settings, nested), field):
            inner = with_field(getattr(settings, nested), field, text)
            return dataclasses.replace(settings, **{nested: inner})
    raise SolveError(f"expected a field of the settings such as start or points.flow, got {field}")


def _has(settings: Any, field: str) -> bool:
    first, _, rest = field.partition(".")
    names = {f.name for f in dataclasses.fields(settings)}
    if first in names and not rest:
        return True
    if first in _nested(settings):
        return _has(getattr(settings, first), rest)
    return any(_has(getattr(settings, nested), field) for nested in _nested(settings))


def _nested(settings: Any) -> list[str]:
    """Names of the settings within settings, in the order in which a name is looked for."""
    return [n for n in _NESTED if dataclasses.is_dataclass(getattr(settings, n, None))]


def _converted(before: Any, field: str, text: str) -> Any:
    """Read a value of the kind that is there."""
    if isinstance(before, bool):
        if text not in ("true", "false"):
            raise SolveError(f"expected true or false for {field}, got {text!r}")
        return text == "true"
    if isinstance(before, str):
        return text
    try:
        return type(before)(text)
    except ValueError as error:
        kind = "a whole number" if isinstance(before, int) else "a number"
        raise SolveError(f"expected {kind} for {field}, got {text!r}") from error
