# SPDX-License-Identifier: Apache-2.0
"""Settings that an earlier version wrote down: what it did not know it did not do."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pullfocus.solve.settings import (
    MODEL_BEFORE,
    SOLVE_BEFORE,
    SolveSettings,
    settings_from_record,
)

__all__ = ["as_begun", "flat", "is_earlier", "with_defaults"]


def flat(settings: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Settings within settings under names such as ``model.mapping``."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{within}{key}.")
        else:
            yield within + key, value


def with_defaults(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with what an earlier version did not know: as it was, or the default."""

    def merged(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
        both = {**defaults, **own}
        for key, value in both.items():
            if isinstance(value, Mapping) and isinstance(defaults.get(key), Mapping):
                both[key] = merged(defaults[key], value)
        return both

    defaults = json.loads(json.dumps(dataclasses.asdict(SolveSettings())))
    defaults |= SOLVE_BEFORE
    defaults["model"] |= MODEL_BEFORE
    return merged(defaults, settings)


def is_earlier(settings: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether settings that were written down lack what is written now."""
    return bool(dict(flat(now)).keys() - dict(flat(settings)).keys())


def as_begun(
    record: Mapping[str, Any], settings: Any, held: Collection[str] = ()
) -> tuple[Any, str, list[str]]:
    """Return settings to go on with a solve, and how they differ from those that were asked for.

    An earlier version's solve goes on as that version would have: nobody could ask it for what it
    did not know. The sentence is empty where nothing differs.

    Args:
        record: the solve's settings, as they were written down.
        settings: SolveSettings, asked for now; others stay.
        held: names of what was held so when it went on before: the record has those since.

    Returns:
        Settings, the sentence, and the names of what is held.
    """
    if not isinstance(settings, SolveSettings):
        return settings, "", []
    now, known = dict(flat(dataclasses.asdict(settings))), dict(flat(record))
    before = dict(flat(with_defaults(record)))
    names = sorted(n for n in now if n not in known or n in held)
    changed = {n: before[n] for n in names if before[n] != now[n]}
    if not changed:
        return settings, "", names
    words = ", ".join(f"{name} {value}" for name, value in changed.items())
    return (
        settings_from_record(_put(dataclasses.asdict(settings), changed)),
        f"an earlier version of pullfocus began this solve; it goes on as it did: {words}",
        names,
    )


def _put(settings: dict[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with some, named as `flat` names them, replaced."""
    for name, value in changed.items():
        *groups, last = name.split(".")
        inner = settings
        for group in groups:
            inner = inner[group]
        inner[last] = value
    return settings
