# SPDX-License-Identifier: Apache-2.0
"""Names of files: which of a folder belong together, and what number each of them has."""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "PLACEHOLDER",
    "Group",
    "Matched",
    "as_on_disk",
    "groups",
    "match",
    "one_padding",
    "short_name",
]

PLACEHOLDER = re.compile(r"#+|%0?[0-9]{0,2}d")
_NUMBER = re.compile(r"(?:(?<=[._ ])-|^-)?[0-9]+")
_EXACT = re.compile(r"-?[0-9]+")
_SEPARATORS = "._- "
_LONGEST = 200  # bytes, so that every name made of it fits into 255
# What Windows forbids, and what programs of the field take for a frame number.
_UNSAFE = re.compile(r'[<>:"/\\|?*#%@$\x00-\x1f\x7f]')


@dataclass(frozen=True)
class Group:
    """Files of a folder that differ in nothing but their frame number."""

    label: str
    """With # for the number: ``shot.####.exr``."""
    prefix: str
    suffix: str
    files: dict[int, Path]

    @property
    def numbered(self) -> bool:
        """Whether the name has a number; else it is one file, called frame 1."""
        return "#" in self.label

    @property
    def kin(self) -> tuple[str, str]:
        """The same for groups that differ in a separator, in case or in padding alone."""
        return self.prefix.rstrip(_SEPARATORS).casefold(), self.suffix.casefold()


@dataclass(frozen=True)
class Matched:
    """What a pattern finds in a folder."""

    prefix: str
    suffix: str
    pad: int
    files: dict[int, Path]
    """Numbers written as the pattern says."""
    strays: dict[int, Path]
    """Numbers with another padding."""
    twice: tuple[Path, ...]
    """Files whose number another one has too, written in another way."""


def as_on_disk(path: Path) -> Path:
    """Spell a path as the disk does: accents are one letter here, two there (NFC, NFD)."""
    if str(path).isascii() or os.path.lexists(path):
        return path
    here = Path(path.anchor)
    for part in path.relative_to(here).parts:
        if not os.path.lexists(here / part) and not PLACEHOLDER.search(part):
            wanted = _composed(part)
            try:
                names = os.listdir(here or ".")  # noqa: PTH208 - names, not paths
            except OSError:
                names = []
            part = next((name for name in names if _composed(name) == wanted), part)
        here /= part
    return here


def match(name: str, entries: Sequence[Path]) -> Matched | None:
    """Find the files that a name with a placeholder stands for; the last placeholder that fits.

    Args:
        name: such as ``shot.####.exr`` or ``shot.%04d.exr``; ``%%`` stands for one ``%`` where
            nothing is called that.
        entries: files of its folder.
    """
    nothing = None
    for text in dict.fromkeys((name, name.replace("%%", "%"))):
        for holder in reversed(list(PLACEHOLDER.finditer(text))):
            mark = holder.group()
            pad = len(mark) if mark[0] == "#" else int(mark[1:-1] or 1)
            found = _matched(text[: holder.start()], text[holder.end() :], pad, entries)
            if found.files or found.strays:
                return found
            nothing = nothing or found
    return nothing


def _matched(prefix: str, suffix: str, pad: int, entries: Sequence[Path]) -> Matched:
    head, tail = _composed(prefix), _composed(suffix)
    files: dict[int, Path] = {}
    others: list[tuple[int, Path]] = []
    for entry in entries:
        name = _composed(entry.name)
        if not (name.startswith(head) and name.endswith(tail)):
            continue
        digits = name[len(head) : len(name) - len(tail)]
        if not _EXACT.fullmatch(digits) or len(head) + len(tail) > len(name):
            continue
        number = int(digits)
        if digits in _written(number, pad) and number not in files:
            files[number] = entry
        else:
            others.append((number, entry))
    strays: dict[int, Path] = {}
    twice = []
    for number, entry in others:
        if number in files or number in strays:
            twice.append(entry)
        else:
            strays[number] = entry
    return Matched(prefix, suffix, pad, files, strays, tuple(twice))


def _written(number: int, pad: int) -> tuple[str, ...]:
    """How a number may be written: Python counts the sign as a digit, Blender does not."""
    plain = f"{number:0{pad}d}"
    return (plain, f"-{-number:0{pad}d}") if number < 0 else (plain,)


def one_padding(names: Iterable[tuple[int, Path]], prefix: str, suffix: str) -> int | None:
    """Return the padding that explains all of these numbers, None where none does."""
    held = [
        (number, _composed(path.name)[len(prefix) : len(_composed(path.name)) - len(suffix)])
        for number, path in names
    ]
    for pad in range(1, 1 + max((len(digits) for _, digits in held), default=0)):
        if all(digits in _written(number, pad) for number, digits in held):
            return pad
    return None


def groups(entries: Sequence[Path]) -> list[Group]:
    """Sort files into sequences; a name without a number is a group of its own.

    The number is the last one of the name, or, where that leaves more than one sequence and
    another one explains every file, that (``shot_1001_v2.exr``).
    """
    found = _grouped(entries, -1)
    if len(found) > 1 and all(group.numbered for group in found):
        for place in (-2, 0, 1):
            other = _grouped(entries, place)
            if len(other) == 1 and other[0].numbered:
                return other
    return found


def _grouped(entries: Sequence[Path], place: int) -> list[Group]:
    stacks: dict[tuple[str, str, int], dict[int, Path]] = {}
    out = []
    for entry in entries:
        runs = list(_NUMBER.finditer(entry.stem))
        if not runs or not -len(runs) <= place < len(runs):
            out.append(Group(entry.name, entry.stem, entry.suffix, {1: entry}))
            continue
        run = runs[place]
        digits = run.group().lstrip("-")
        # A leading zero fixes the padding; without one the number may belong to any padding up
        # to its own length, so it joins a padded sequence where there is one.
        pad = len(digits) if digits.startswith("0") and len(digits) > 1 else 0
        if pad and run.group().startswith("-"):
            pad = -pad  # with or without the sign
        key = (entry.stem[: run.start()], entry.stem[run.end() :] + entry.suffix, pad)
        stacks.setdefault(key, {})[int(run.group())] = entry
    for (prefix, suffix, pad), files in sorted(stacks.items()):
        if pad <= 0:
            _join(stacks, (prefix, suffix, pad), files)
    for (prefix, suffix, pad), files in sorted(stacks.items()):
        if files:
            width = abs(pad) or min(len(str(abs(number))) for number in files)
            same = pad or len({len(str(abs(number))) for number in files}) == 1
            label = f"{prefix}{'#' * (width if same else 1)}{suffix}"
            out.append(Group(label, prefix, suffix, files))
    return out


def _join(
    stacks: dict[tuple[str, str, int], dict[int, Path]],
    key: tuple[str, str, int],
    files: dict[int, Path],
) -> None:
    """Move numbers without a padding of their own to the padded sequence that they belong to."""
    for wider in sorted(k for k in stacks if k[:2] == key[:2] and k[2] > 0):
        for number in list(files):
            sign = number < 0
            length = abs(key[2]) or len(str(abs(number)))
            fits = length >= wider[2] - sign if not key[2] else wider[2] - length in (0, 1)
            if fits and number not in stacks[wider]:
                stacks[wider][number] = files.pop(number)


def short_name(prefix: str, folder: str) -> str:
    """Return a name for a shot that any disk and any program takes, up to 200 bytes long.

    Args:
        prefix: what its files' names have before the number.
        folder: what to call it where that is nothing.
    """
    for text in (prefix, folder):
        name = _UNSAFE.sub("_", text).strip(_SEPARATORS)
        cut = name.encode("utf-8", "ignore")[:_LONGEST].decode("utf-8", "ignore")
        if cut.strip(_SEPARATORS + "_"):
            return cut.rstrip(_SEPARATORS)
    return "shot"


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
