# SPDX-License-Identifier: Apache-2.0
"""What of a file is the matte: ``PATH:CHANNEL``, ``PATH:crypto:OBJECT``, ``PATH:2:invert``."""

import re
from dataclasses import dataclass
from pathlib import Path

from pullfocus.plate.sequence import IMAGE_EXTENSIONS, MOVIE_EXTENSIONS, Role

__all__ = ["Selector", "read_selector", "split_selector"]

_CRYPTO = "crypto:"
_SHIFT = re.compile(r"shift=([+-]?\d{1,9})")
_ENDINGS = re.compile(r"((?::invert|:normali[sz]e|:hold|:shift=[+-]?\d{1,9})*)$")


@dataclass(frozen=True, kw_only=True)
class Selector:
    """What follows the path."""

    channel: str | None = None
    """A channel or a layer of the file, or alpha, red, green, blue."""
    number: int | None = None
    """An object by its number: index of a palette, value of a label picture."""
    crypto: str | None = None
    """An object of a Cryptomatte by its name; ``*`` stands for anything."""
    invert: bool = False
    normalise: bool = False
    """Scale so that the largest value of all frames is 1."""
    hold: bool = False
    """One picture for every frame, even where it belongs to a sequence."""
    shift: int = 0
    """Added to its frame numbers."""

    def __str__(self) -> str:
        """As a user types it, without the colon in front; empty for nothing."""
        parts = [
            self.channel,
            None if self.number is None else str(self.number),
            None if self.crypto is None else _CRYPTO + self.crypto,
            "hold" if self.hold else None,
            f"shift={self.shift}" if self.shift else None,
            "normalise" if self.normalise else None,
            "invert" if self.invert else None,
        ]
        return ":".join(part for part in parts if part)


def split_selector(text: str) -> tuple[str, str]:
    """Cut ``PATH:SELECTOR`` in two; the second is empty where all of it is a path.

    A colon ends the path where a known extension or an existing folder stands before it, and
    nothing on disk is called like the whole.
    """
    if ":" not in text or _exists(text):
        return text, ""
    places = [match.start() for match in re.finditer(":", text)]
    known = [at for at in places if _is_footage(text[:at])]
    there = [at for at in known if _exists(text[:at])]
    folders = [at for at in places if at > 1 and _is_folder(text[:at])]
    for found in (there, known, folders):
        if found:
            return text[: found[0]], text[found[0] + 1 :]
    return text, ""


def read_selector(text: str, role: Role) -> Selector:
    """Read what follows the path.

    Raises:
        PullfocusError: (the role's kind) it is not understood.
    """
    crypto = None
    if text.startswith(_CRYPTO):
        rest = text.removeprefix(_CRYPTO)
        endings = _ENDINGS.search(rest)
        assert endings is not None  # it may match nothing
        crypto, text = rest[: endings.start()], endings.group()[1:]
        if not crypto:
            raise role.error(f"{role.what}: expected PATH:crypto:OBJECT, got no name of an object")
    channel: str | None = None
    number: int | None = None
    shift, flags = 0, set()
    for word in text.split(":") if text else ():
        shifted = _SHIFT.fullmatch(word)
        if word in ("invert", "hold") or re.fullmatch("normali[sz]e", word):
            flags.add(word[:6])
        elif shifted:
            shift = int(shifted[1])
        elif re.fullmatch(r"\d{1,9}", word) and number is None:
            number = int(word)
        elif word and channel is None and not re.fullmatch(r"[+-]?\d+|shift=.*", word):
            channel = word
        else:
            raise role.error(
                f"{role.what}: expected PATH:CHANNEL, PATH:NUMBER or PATH:crypto:OBJECT, then "
                f":invert, :normalise, :hold or :shift=FRAMES, got '{word}' in ':{text}'"
            )
    return Selector(
        channel=channel,
        number=number,
        crypto=crypto,
        invert="invert" in flags,
        normalise="normal" in flags,
        hold="hold" in flags,
        shift=shift,
    )


def _is_footage(text: str) -> bool:
    return Path(text).suffix.lower() in IMAGE_EXTENSIONS | MOVIE_EXTENSIONS


def _exists(text: str) -> bool:
    try:
        return Path(text).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False


def _is_folder(text: str) -> bool:
    try:
        return Path(text).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):
        return False
