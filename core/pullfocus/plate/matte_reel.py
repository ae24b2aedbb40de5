# SPDX-License-Identifier: Apache-2.0
"""The footage of a matte beside its plate: same frames, same size, and how its values are read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pullfocus.plate.channels import all_channels, find_channel, held_channel
from pullfocus.plate.cryptomatte import cryptomattes, listing, pick, read_coverage
from pullfocus.plate.image import place
from pullfocus.plate.objects import is_indexed, read_indices
from pullfocus.plate.orientation import upright
from pullfocus.plate.reel import Reel, StillReel, open_reel
from pullfocus.plate.selector import Selector
from pullfocus.plate.sequence import MOVIE_EXTENSIONS, Role, find_footage, range_text
from pullfocus.shot import Window

__all__ = ["Values", "open_beside", "read_values"]

Values = Callable[[int], np.ndarray]
"""Frame index to raw values, float32 (H, W)."""

_MATTE_ENDS = ("a", "alpha", "mask", "matte")
_COLOURS = {"red": "R", "green": "G", "blue": "B", "alpha": "A"}
_OPAQUE = 1 - 1 / 256


def open_beside(text: str, selector: Selector, plate: Reel, role: Role) -> tuple[Reel, list[str]]:
    """Open footage that must cover a plate, frame for frame and pixel for pixel.

    Raises:
        PullfocusError: (the role's kind) frames are missing, or the size differs.
    """
    notes: list[str] = []
    path = Path(text).expanduser()
    movie = path.suffix.lower() in MOVIE_EXTENSIONS
    frames: Sequence[int] | None = [frame - selector.shift for frame in plate.frames]
    if path.is_file() and not movie:
        reel: Reel = _held(text, selector, plate, role)
        if len(plate.frames) > 1:
            notes.append(f"{role.what}: {reel.label} is one picture, held for all frames")
    else:
        if movie and not plate.is_movie and not selector.shift:
            frames = None
        reel = open_reel(
            text, frames=frames, role=role, beside=plate, deinterlace=plate.deinterlace
        )
    if len(reel.frames) != len(plate.frames):
        raise role.error(
            f"{role.what}: {reel.label} has {len(reel.frames)} frames, expected "
            f"{len(plate.frames)}: a movie has no frame numbers and goes with a sequence only "
            "when it is as long, or with :shift=FRAMES"
        )
    if selector.shift:
        notes.append(
            f"{role.what}: {reel.label}: frames {range_text(reel.frames)} go with the plate's "
            f"{range_text(plate.frames)}, as asked"
        )
    if (reel.width, reel.height) != (plate.width, plate.height):
        raise role.error(
            f"{role.what}: {reel.label} is {reel.width}x{reel.height}, expected "
            f"{plate.width}x{plate.height} like the plate"
        )
    return reel, notes


def _held(text: str, selector: Selector, plate: Reel, role: Role) -> StillReel:
    """One picture for all frames; refused where it belongs to a sequence that was perhaps meant."""
    found = find_footage(text, role=role)
    alone = len(plate.frames) == 1 and found.frames == plate.frames
    if found.notes and not alone and not selector.hold:
        raise role.error(
            f"{found.notes[0]}; expected that, or {Path(text).name}:hold for every frame"
        )
    count = len(plate.frames)
    return StillReel(
        replace(found, frames=plate.frames, paths=found.paths * count, notes=()),
        role=role,
        beside=plate,
    )


def read_values(
    text: str, selector: Selector, layer: str, plate: Reel, role: Role
) -> tuple[Reel, Values, str, list[str]]:
    """Open a matte and settle which of its values are the matte.

    Args:
        text: its path form.
        selector: what the user said of it.
        layer: its layer's name: passes of our own hold a matte for each.
        plate: the footage that it belongs to.
        role: for messages.

    Returns:
        The footage, how to read a frame, what is read in a word or two, and notes.

    Raises:
        PullfocusError: (the role's kind) it does not fit the plate, or what is asked for is not
            there, or it is not clear what is meant.
    """
    if selector.crypto is not None:
        return _crypto(text, selector, plate, role)
    reel, notes = open_beside(text, selector, plate, role)
    still = reel if isinstance(reel, StillReel) else None
    if still and is_indexed(still.paths[0]) and selector.channel is None:
        return reel, *_indexed(still, selector, role), notes
    channel, note = (_channel(still, selector, layer, role)) if still else (None, "")
    if still and channel is not None:
        notes += [note] if note else []
        role = replace(role, channel=channel, channel_must=True)
        reel, notes_again = open_beside(text, selector, plate, role)
        notes = list(dict.fromkeys([*notes, *notes_again]))
        return reel, _numbered(reel, selector, _first, role), channel, [*reel.notes, *notes]
    notes = [*reel.notes, *notes]
    values, word, more = _picture(reel, selector, role)
    return reel, _numbered(reel, selector, values, role), word, [*notes, *more]


Pick = Callable[["np.ndarray", "np.ndarray | None"], np.ndarray]
"""(H, W, n) colour and (H, W) alpha to (H, W) values."""


def _first(colour: np.ndarray, _: np.ndarray | None) -> np.ndarray:
    return colour[..., 0]


def _largest(colour: np.ndarray, _: np.ndarray | None) -> np.ndarray:
    # A grey picture has three equal channels; a red-only roto is as full as a white one.
    return np.asarray(colour.max(axis=2))


def _alpha(colour: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    return colour[..., 0] * 0 + 1 if alpha is None else alpha


def _numbered(reel: Reel, selector: Selector, values: Pick, role: Role) -> Values:
    """Values of each frame, or where a number is asked for, whether they are that number."""

    def read(index: int) -> np.ndarray:
        picture = reel.read(index)
        found = values(picture.colour, picture.alpha)
        if selector.number is None:
            return found
        return (np.rint(found * reel.largest_code) == selector.number).astype(np.float32)

    return read


def _picture(reel: Reel, selector: Selector, role: Role) -> tuple[Pick, str, list[str]]:
    """Alpha where it says something, else brightness; or the channel asked for."""
    what, asked = role.what, (selector.channel or "").lower()
    named = {"r": 0, "g": 1, "b": 2, "red": 0, "green": 1, "blue": 2}
    if asked in ("a", "alpha"):
        if not reel.has_alpha:
            raise role.error(f"{what}: {reel.label} has no alpha channel")
        return _alpha, "alpha", []
    if asked in named:
        at = named[asked]
        return (lambda colour, _: colour[..., min(at, colour.shape[2] - 1)]), asked, []
    if asked not in ("", "luma", "luminance", "rgb"):
        raise role.error(f"{what}: {reel.label} has no channel '{selector.channel}'")
    notes = []
    if reel.has_alpha and not asked:
        if _alpha_varies(reel):
            return (
                _alpha,
                "alpha",
                [f"{what}: {reel.label} has an alpha channel, which is used"],
            )
        notes.append(f"{what}: the alpha of {reel.label} is 1 everywhere; brightness is used")
    middle = reel.read(len(reel.frames) // 2).colour
    if middle.shape[2] == 3 and float(np.ptp(middle, axis=2).max()) > 0.1 and not asked:
        notes.append(
            f"{what}: red, green and blue of {reel.label} differ; the largest of them is used, "
            "PATH:red takes one"
        )
    return _largest, "colour", notes


def _alpha_varies(reel: Reel) -> bool:
    """Whether alpha is not 1 everywhere, looked at in the first, middle and last frame."""
    last = len(reel.frames) - 1
    for index in sorted({0, last // 2, last}):
        alpha = reel.read(index).alpha
        if alpha is not None and float(alpha.min()) < _OPAQUE:
            return True
    return False


def _channel(reel: StillReel, selector: Selector, layer: str, role: Role) -> tuple[str | None, str]:
    """The channel of named files that is the matte, None for the picture itself; and a note."""
    parts = reel.header.parts
    held = all_channels(parts)
    what = f"{role.what}: {reel.label}"
    if selector.channel is not None:
        word = selector.channel
        for name in (word, _COLOURS.get(word.lower(), word), *held_channel(parts, word)):
            if find_channel(parts, name) is not None:
                return name, ""
        if word.lower() in ("alpha", "a", "red", "green", "blue", "luma", "luminance", "rgb"):
            return None, ""
        raise role.error(f"{what} has no channel '{word}', it has {listing(held)}")
    own = [name for name in (f"{layer}_uv.Z", "alpha.A") if name in held]
    if own and any(name.endswith("_uv.Z") for name in held):
        return own[0], f"{what}: passes of pullfocus: channel {own[0]} is the matte"
    root = {name.lower() for name in held if "." not in name}
    candidates = _candidates(held)
    opaque = not root & {"a", "alpha"} or not _alpha_varies(reel)
    if not opaque:
        return None, ""
    if len(candidates) == 1:
        return candidates[0], f"{what}: its channel {candidates[0]} is used"
    if candidates:
        raise role.error(
            f"{what}: expected one matte, got {listing(candidates)}; choose with "
            f"--matte {layer}=PATH:CHANNEL"
        )
    path, frame = reel.paths[0], reel.frames[0]
    crypto = cryptomattes(path, frame=frame, role=role) if path.suffix.lower() == ".exr" else ()
    if crypto:
        names = [name for one in crypto for name in one.manifest]
        raise role.error(
            f"{what} is a Cryptomatte: choose with --matte {layer}=PATH:crypto:OBJECT; it holds "
            f"{listing(names)}"
        )
    colour = bool(root & {"r", "red", "y", "l", "gray", "grey", "luminance"}) or len(held) == 1
    if not colour and not reel.header.taken.note and len(reel.header.taken.colour) == 1:
        raise role.error(
            f"{what}: expected a matte, got channels {listing(held)}; choose with "
            f"--matte {layer}=PATH:CHANNEL"
        )
    return None, ""


def _candidates(held: Sequence[str]) -> list[str]:
    """Channels called like a matte in layers that hold no colour."""
    lower = {name.lower() for name in held}
    found = []
    for name in held:
        prefix, _, end = name.rpartition(".")
        coloured = {f"{prefix.lower()}.{one}" for one in ("r", "red")} & lower
        if end.lower() in _MATTE_ENDS and (prefix or end.lower() not in ("a", "alpha")):
            if not coloured:
                found.append(name)
    return found


def _indexed(reel: StillReel, selector: Selector, role: Role) -> tuple[Values, str]:
    """Objects of an indexed PNG: the one asked for, or the only one there is."""

    def indices(index: int) -> np.ndarray:
        path, frame = reel.paths[index], reel.frames[index]
        found = upright(read_indices(path, frame=frame, role=role), reel.header.orientation)
        if reel.data == reel.display:
            return found
        height, width = found.shape
        window = reel.data.moved(-reel.display.x, -reel.display.y)
        return place(found[..., None], Window(0, 0, width, height), window)[..., 0]

    def chosen(index: int) -> np.ndarray:
        found = indices(index)
        if selector.number is None:
            others = set(np.unique(found).tolist()) - {0, only}
            if others:
                raise role.error(_several(reel, {only, *others}, role))
        number = only if selector.number is None else selector.number
        return (found == number).astype(np.float32)

    last = len(reel.frames) - 1
    there = {int(n) for i in {0, last // 2, last} for n in np.unique(indices(i))} - {0}
    if selector.number is None and len(there) > 1:
        raise role.error(_several(reel, there, role))
    only = max(there, default=1)
    return chosen, f"object {only if selector.number is None else selector.number}"


def _several(reel: StillReel, numbers: set[int], role: Role) -> str:
    names = listing([str(number) for number in sorted(numbers)])
    return (
        f"{role.what}: {reel.label} is indexed and holds objects {names}; choose with PATH:NUMBER, "
        f"e.g. {reel.label}:{min(numbers)}"
    )


def _crypto(
    text: str, selector: Selector, plate: Reel, role: Role
) -> tuple[Reel, Values, str, list[str]]:
    """An object of a Cryptomatte, by its name."""
    assert selector.crypto is not None
    alone = Path(text).expanduser().is_file()
    wanted = None if alone else [frame - selector.shift for frame in plate.frames]
    first = find_footage(text, frames=wanted, role=role)
    if first.movie:
        raise role.error(f"{role.what}: {first.label} is a movie and holds no Cryptomatte")
    path, frame = first.paths[0], first.frames[0]
    known = cryptomattes(path, frame=frame, role=role)
    picks = pick(known, selector.crypto, f"{role.what}: {first.label}", role)
    ranked = replace(role, channel=known[picks[0][0]].ranks[0][0], channel_must=True)
    reel, found_notes = open_beside(text, selector, plate, ranked)
    assert isinstance(reel, StillReel)
    groups: dict[int, list[int]] = {}
    for index, number in picks:
        groups.setdefault(index, []).append(number)

    def coverage(index: int) -> np.ndarray:
        total = [
            read_coverage(
                reel.paths[index],
                known[which],
                ids,
                frame=reel.frames[index],
                role=role,
                window=reel.data,
                display=reel.display,
            )
            for which, ids in groups.items()
        ]
        return np.asarray(np.maximum.reduce(total))

    word = f"object '{selector.crypto}' of {known[picks[0][0]].name}"
    return reel, coverage, word, [*found_notes, f"{role.what}: {reel.label}: {word}"]
