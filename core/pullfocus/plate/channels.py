# SPDX-License-Identifier: Apache-2.0
"""Which channels of a still are the picture: by name, through layers, parts and views."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = [
    "Part",
    "Taken",
    "all_channels",
    "find_channel",
    "find_picture",
    "held_channel",
    "picture_names",
]

_RED_GREEN_BLUE = (("r", "g", "b"), ("red", "green", "blue"))
_GREY = ("y", "l", "luminance", "gray", "grey")
_ALPHA = ("a", "alpha")
_BEAUTY = ("rgba", "combined", "beauty", "rgb", "main", "master", "left")
"""Last parts of layer names that are the picture where there are others, the best first."""
_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a file, and the names that it gives."""

    channels: tuple[str, ...]
    name: str = ""
    view: str = ""
    views: tuple[str, ...] = ()
    """Views of a part that holds several; the first has no prefix."""
    deep: bool = False


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Channels to read, all of one part."""

    part: int
    colour: tuple[int, ...]
    """Three (R, G, B), one, or none that fits."""
    alpha: int | None = None
    note: str = ""
    """What the user should know of the choice; empty where there was none."""


@dataclass(frozen=True)
class _Layer:
    """Channels of one prefix in one part."""

    part: int
    prefix: str
    names: tuple[str, ...]
    """How it may be asked for, the full one first."""
    ends: dict[str, int]
    """Last part of each name, lower case, to its index."""

    def colour(self) -> tuple[int, ...]:
        for wanted in _RED_GREEN_BLUE:
            if all(end in self.ends for end in wanted):
                return tuple(self.ends[end] for end in wanted)
        return ()

    def grey(self) -> tuple[int, ...]:
        found = next((self.ends[end] for end in _GREY if end in self.ends), None)
        return () if found is None or "ry" in self.ends else (found,)

    def readable(self) -> tuple[int, ...]:
        """Colour, grey, or the one channel that there is."""
        return self.colour() or self.grey() or (tuple(self.ends.values()) * (len(self.ends) == 1))

    def alpha(self) -> int | None:
        return next((self.ends[end] for end in _ALPHA if end in self.ends), None)


def all_channels(parts: Sequence[Part]) -> list[str]:
    """Every channel by the name that tells it from the others: PART.CHANNEL where need be."""
    bare = [channel for part in parts for channel in part.channels]
    return [
        channel if bare.count(channel) == 1 or not part.name else f"{part.name}.{channel}"
        for part in parts
        for channel in part.channels
    ]


def find_channel(parts: Sequence[Part], wanted: str) -> Taken | None:
    """Find one channel by name, alone or after its part's: as written, else in any case."""
    for same in (lambda name: name == wanted, lambda name: name.lower() == wanted.lower()):
        for index, part in enumerate(parts):
            for at, channel in enumerate(part.channels):
                if not part.deep and (same(channel) or same(f"{part.name}.{channel}")):
                    return Taken(part=index, colour=(at,))
    return None


def held_channel(parts: Sequence[Part], wanted: str) -> list[str]:
    """Channels that are meant by the name of a layer or part: its alpha, or its only one."""
    for layer in _layers(parts):
        if wanted.lower() in (name.lower() for name in layer.names):
            part = parts[layer.part]
            at = layer.alpha() if layer.alpha() is not None else None
            only = list(layer.ends.values()) if len(layer.ends) == 1 else []
            chosen = [at] if at is not None else only
            prefix = f"{part.name}." if part.name and not layer.prefix else ""
            return [prefix + part.channels[index] for index in chosen]
    return []


def find_picture(parts: Sequence[Part], wanted: str | None) -> Taken | None:
    """Find the channels that are the picture.

    Args:
        parts: of the file.
        wanted: a layer, part or view by name, or None: the channels without a prefix, else the
            one layer that has colour, else the one that is called like a beauty.

    Returns:
        None where nothing fits, or several do.

    Raises:
        LookupError: no layer is called so; the text lists those there are.
    """
    return _picture(tuple(parts), wanted)


@lru_cache(maxsize=64)  # the frames of a sequence are alike
def _picture(parts: tuple[Part, ...], wanted: str | None) -> Taken | None:
    layers = _layers(parts)
    if wanted is not None:
        return _asked_for(layers, wanted)
    plain = [layer for layer in layers if not layer.prefix]
    for colour in (True, False):
        fits = [layer for layer in plain if (layer.colour() if colour else layer.grey())]
        if fits:
            chosen = min(fits, key=lambda layer: _rank(parts[layer.part].name))
            return _taken(chosen, _what_else(parts, fits, chosen))
        if colour:
            coloured = [layer for layer in layers if layer.prefix and layer.colour()]
            best = _only_or_beauty(coloured)
            if best is not None:
                others = [layer.names[0] for layer in coloured if layer is not best]
                more = f"; --plate-layer takes another: {_listing(others)}" if others else ""
                return _taken(best, f"its layer {best.names[0]} is used{more}")
            if coloured:
                return None
    return None


def picture_names(parts: Sequence[Part]) -> list[str]:
    """Names of the layers that hold colour, for messages."""
    return [layer.names[0] for layer in _layers(parts) if layer.colour() and layer.names]


def _layers(parts: Sequence[Part]) -> list[_Layer]:
    found: list[_Layer] = []
    for index, part in enumerate(parts):
        if part.deep:
            continue
        groups: dict[str, dict[str, int]] = {}
        for at, channel in enumerate(part.channels):
            prefix, _, end = channel.rpartition(".")
            groups.setdefault(prefix, {}).setdefault(end.lower(), at)
        for prefix, ends in groups.items():
            if prefix:
                names: tuple[str, ...] = (prefix, f"{part.name}.{prefix}")
            else:
                names = tuple(filter(None, (part.name, part.view, *part.views[:1])))
            found.append(_Layer(index, prefix, names, ends))
    return found


def _asked_for(layers: Sequence[_Layer], wanted: str) -> Taken:
    low = wanted.strip().lower()
    tests = (
        lambda layer: wanted in layer.names,
        lambda layer: low in (name.lower() for name in layer.names),
        lambda layer: any(name.lower().split(".")[-1] == low for name in layer.names),
    )
    for test in tests:
        fits = [layer for layer in layers if test(layer) and layer.readable()]
        if len({layer.names[0] for layer in fits}) > 1:
            raise LookupError(
                f"'{wanted}' is said of {_listing([layer.names[0] for layer in fits])}"
            )
        if fits:
            return _taken(fits[0], "")
    held = [layer.names[0] for layer in layers if layer.names and layer.readable()]
    raise LookupError(f"no layer '{wanted}', there is {_listing(held) or 'none with a name'}")


def _only_or_beauty(layers: Sequence[_Layer]) -> _Layer | None:
    if len(layers) == 1:
        return layers[0]
    ranked = sorted(layers, key=lambda layer: _rank(layer.prefix))
    if not ranked or _rank(ranked[0].prefix) == len(_BEAUTY):
        return None
    return ranked[0] if _rank(ranked[0].prefix) < _rank(ranked[1].prefix) else None


def _rank(name: str) -> int:
    end = name.lower().split(".")[-1]
    return _BEAUTY.index(end) if end in _BEAUTY else len(_BEAUTY)


def _what_else(parts: Sequence[Part], fits: Sequence[_Layer], chosen: _Layer) -> str:
    part = parts[chosen.part]
    if len(part.views) > 1:
        return f"its {part.views[0]} view is used; --plate-layer takes another: " + _listing(
            part.views[1:]
        )
    if len(parts) == 1:
        return ""
    called = f" ({part.name})" if part.name else ""
    others = [layer.names[0] for layer in fits if layer is not chosen and layer.names]
    more = f"; --plate-layer takes another: {_listing(others)}" if others else ""
    return f"part {chosen.part + 1} of {len(parts)}{called} is used{more}"


def _taken(layer: _Layer, note: str) -> Taken:
    alpha = layer.alpha()
    return Taken(part=layer.part, colour=layer.readable(), alpha=alpha, note=note)


def _listing(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
