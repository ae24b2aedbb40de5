# SPDX-License-Identifier: Apache-2.0
"""Names of layers that every host can carry. Standard library only."""

from __future__ import annotations

import re
from typing import Sequence  # noqa: UP035  (hosts run older Pythons)

from pullfocus.errors import PassesError

__all__ = ["check_layer_name", "check_layer_names"]

_LAYER_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Blender's limit is 64 bytes with the suffix; 48 leaves room for any of ours.
_LAYER_NAME_BYTES = 48
_RESERVED = frozenset(
    [
        "beauty",
        "rgb",
        "rgba",
        "alpha",
        "depth",
        "coc",
        "confidence",
        "mask",
        "forward",
        "backward",
        "motion",
        "all",
        "none",
    ]
)
_DATA_SUFFIXES = ("_uv", "_coc")


def check_layer_name(name: str) -> str:
    """Return `name` if hosts can carry it as a layer name.

    Raises:
        PassesError: not `[a-z][a-z0-9_]*`, longer than 48 bytes, reserved, or ending in a data
            suffix (`_uv`, `_coc`).
    """
    if not isinstance(name, str) or not _LAYER_NAME.fullmatch(name):
        raise PassesError(
            f"expected a layer name of a-z, 0-9 and _ that starts with a letter, got {name!r}"
        )
    if len(name) > _LAYER_NAME_BYTES:
        raise PassesError(
            f"expected a layer name of at most {_LAYER_NAME_BYTES} bytes,"
            f" got {len(name)} in {name!r}"
        )
    if name in _RESERVED:
        raise PassesError(
            f"expected a layer name that hosts leave free, got {name!r}"
            f" (reserved: {', '.join(sorted(_RESERVED))})"
        )
    if name.endswith(_DATA_SUFFIXES):
        raise PassesError(f"expected a layer name not ending in _uv or _coc, got {name!r}")
    return name


def check_layer_names(layer_names: Sequence[str]) -> tuple[str, ...]:
    """Return the names as a tuple, front to back.

    Raises:
        PassesError: no layer, a name that is not allowed, or one used twice.
    """
    names = tuple(check_layer_name(name) for name in layer_names)
    if not names:
        raise PassesError("expected at least one layer, got none")
    for index, name in enumerate(names):
        if name in names[:index]:
            raise PassesError(f"expected different layer names, got {name!r} twice")
    return names
