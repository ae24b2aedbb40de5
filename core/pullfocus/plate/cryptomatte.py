# SPDX-License-Identifier: Apache-2.0
"""Cryptomatte 1.2.1: mattes by the name of an object, out of ranks of id and coverage.

Source: Friedman and Jones, Psyop, Cryptomatte specification 1.2.1.
"""

import difflib
import fnmatch
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pullfocus.plate.image import read_attributes, read_channels
from pullfocus.plate.sequence import Role
from pullfocus.shot import Window

__all__ = ["Cryptomatte", "cryptomattes", "id_of", "pick", "read_coverage"]

_ATTRIBUTE = re.compile(r"cryptomatte/([^/]+)/(name|hash|conversion|manifest|manif_file)")
_RANK = re.compile(r"(?P<layer>.+?)(?P<rank>\d\d)\.(?P<end>r|g|b|a|red|green|blue|alpha)", re.I)
_LARGEST_MANIFEST = 1 << 28
_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Cryptomatte:
    """One Cryptomatte of a file: objects, materials or assets."""

    name: str
    ranks: tuple[tuple[str, str], ...]
    """Channels of (id, coverage), rank by rank, as ``read_channels`` takes them."""
    manifest: Mapping[str, int]
    """Object names to ids; empty where the file carries none."""


def id_of(name: str) -> int:
    """The id of an object's name: MurmurHash3 (x86, 32 bit, seed 0), kept from NaN and denormals.

    Source: A. Appleby, MurmurHash3; the conversion is the specification's uint32_to_float32.
    """
    data, mask = name.encode(), 0xFFFFFFFF

    def mixed(word: int) -> int:
        word = word * 0xCC9E2D51 & mask
        return (word << 15 | word >> 17) * 0x1B873593 & mask

    value = 0
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        value ^= mixed(int.from_bytes(data[at : at + 4], "little"))
        value = ((value << 13 | value >> 19) & mask) * 5 + 0xE6546B64 & mask
    if data[whole:]:
        value ^= mixed(int.from_bytes(data[whole:], "little"))
    value ^= len(data)
    value = (value ^ value >> 16) * 0x85EBCA6B & mask
    value = (value ^ value >> 13) * 0xC2B2AE35 & mask
    value ^= value >> 16
    exponent = value >> 23 & 255
    return value ^ 1 << 23 if exponent in (0, 255) else value


def cryptomattes(path: Path, *, frame: int, role: Role) -> tuple[Cryptomatte, ...]:
    """The Cryptomattes that a still's header describes, in the order of the file.

    Raises:
        PullfocusError: (the role's kind) the file cannot be read.
    """
    attributes, channels = read_attributes(path, frame=frame, role=role)
    described: dict[str, dict[str, Any]] = {}
    for name, value in attributes.items():
        match = _ATTRIBUTE.fullmatch(name)
        if match:
            described.setdefault(match[1], {})[match[2]] = value
    found = []
    for about in described.values():
        name = str(about.get("name", ""))
        ranks = _ranks(name, channels)
        if name and ranks:
            manifest = _manifest(about, path)
            found.append(Cryptomatte(name=name, ranks=ranks, manifest=manifest))
    return tuple(found)


def pick(
    found: Sequence[Cryptomatte], wanted: str, where: str, role: Role
) -> list[tuple[int, int]]:
    """Find objects by name: (index of the Cryptomatte, id), one Cryptomatte for all.

    Args:
        found: the Cryptomattes of the file.
        wanted: a name, a pattern with ``*``, several with commas; ``LAYER:NAME`` picks the layer.
        where: for messages.
        role: whose matte it is.

    Raises:
        PullfocusError: (the role's kind) there is no Cryptomatte, or none knows the name.
    """
    if not found:
        raise role.error(f"{where}: expected a Cryptomatte, got none in its header")
    held = list(enumerate(found))
    layer, colon, rest = wanted.partition(":")
    chosen = [
        (index, one)
        for index, one in held
        if colon and layer.lower() in (one.name.lower(), one.name.lower().rpartition(".")[2])
    ]
    if chosen:
        held, wanted = chosen, rest
    for index, one in held:
        ids = _ids(one.manifest, wanted)
        if ids:
            return [(index, number) for number in ids]
    without = [(index, id_of(wanted)) for index, one in held if not one.manifest]
    if without:
        return without
    names = [name for _, one in held for name in one.manifest]
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5)
    known = f"did you mean {', '.join(near)}?" if near else f"it holds {listing(names)}"
    raise role.error(f"{where}: its Cryptomatte knows no object '{wanted}'; {known}")


def listing(names: Sequence[str]) -> str:
    """Some names, for messages."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(list(names)[:_SHOWN]) + more) or "no names"


def read_coverage(
    path: Path,
    found: Cryptomatte,
    ids: Sequence[int],
    *,
    frame: int,
    role: Role,
    window: Window | None = None,
    display: Window | None = None,
) -> np.ndarray:
    """How much of each pixel the objects cover: float32 (H, W), 0..1."""
    total: np.ndarray | None = None
    for pair in found.ranks:
        values = read_channels(path, pair, frame=frame, role=role, window=window, display=display)
        numbers = np.ascontiguousarray(values[..., 0]).view(np.uint32)
        share = np.where(np.isin(numbers, np.array(ids, np.uint32)), values[..., 1], 0)
        total = share if total is None else total + share
    assert total is not None  # a Cryptomatte without ranks is none
    return np.clip(np.nan_to_num(total), 0, 1).astype(np.float32)


def _ranks(name: str, channels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    ends: dict[tuple[int, str], str] = {}
    for channel in channels:
        match = _RANK.fullmatch(channel)
        if match and match["layer"].lower() == name.lower():
            ends.setdefault((int(match["rank"]), match["end"][0].lower()), channel)
    pairs = []
    for rank in sorted({rank for rank, _ in ends}):
        for number, cover in (("r", "g"), ("b", "a")):
            if (rank, number) in ends and (rank, cover) in ends:
                pairs.append((ends[rank, number], ends[rank, cover]))
    return tuple(pairs)


def _manifest(about: Mapping[str, Any], path: Path) -> dict[str, int]:
    """Names and ids, from the header or from the file beside that it names."""
    text = str(about.get("manifest", ""))
    if not text and about.get("manif_file"):
        beside = path.parent / str(about["manif_file"])
        try:
            if beside.stat().st_size <= _LARGEST_MANIFEST:
                text = beside.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return {}
    try:
        pairs = json.loads(text) if text else {}
        return {str(name): int(str(value), 16) & 0xFFFFFFFF for name, value in pairs.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}


def _ids(manifest: Mapping[str, int], wanted: str) -> list[int]:
    if wanted in manifest:
        return [manifest[wanted]]
    ids = []
    for part in filter(None, (text.strip() for text in wanted.split(","))):
        some = [number for name, number in manifest.items() if fnmatch.fnmatchcase(name, part)]
        if not some:
            return []
        ids += some
    return ids
