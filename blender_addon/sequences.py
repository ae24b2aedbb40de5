# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of a sequence as pullfocus finds them. Plain Python: nothing of Blender in here."""

from __future__ import annotations

import re
from pathlib import Path

STILLS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".exr"})

_NUMBERED = re.compile(r"(.*?)((?:(?<=[._ ])-|^-)?[0-9]+)(\.[^.0-9][^.]*)")
_MARK = re.compile(r"#+|%0?[0-9]*d")


def footage_pattern(path: str) -> str:
    """Return the sequence that a frame belongs to, `plate.####.png` for `plate.0001.png`.

    Anything else (a pattern, a folder, a movie, a frame without siblings) is returned as it is.
    """
    file = Path(path)
    match = _NUMBERED.fullmatch(file.name)
    if match is None or not file.is_file():
        return path
    head, digits, tail = match.groups()
    if len(_numbers(file.parent, head, tail)) < 2:
        return path
    return str(file.with_name(f"{head}{'#' * len(digits.lstrip('-'))}{tail}"))


def sequence_numbers(plate: str) -> list[int]:
    """Return the frame numbers of a pattern (#### or %04d) or a folder, rising.

    None for anything else, and for folders that hold more than one sequence.
    """
    path = Path(plate)
    if path.is_dir():
        return _of_folder(path)
    marks = list(_MARK.finditer(path.name))
    if not marks or path.is_file():
        return []
    mark = marks[-1]
    return sorted(_numbers(path.parent, path.name[: mark.start()], path.name[mark.end() :]))


def sequence_file(plate: str, number: int) -> Path | None:
    """Return the file of one of `sequence_numbers`."""
    path = Path(plate)
    if path.is_dir():
        for file in _stills(path):
            match = _NUMBERED.fullmatch(file.name)
            if match is not None and int(match[2]) == number:
                return file
        return None
    marks = list(_MARK.finditer(path.name))
    if not marks:
        return None
    head, tail = path.name[: marks[-1].start()], path.name[marks[-1].end() :]
    return _numbers(path.parent, head, tail).get(number)


def _numbers(folder: Path, head: str, tail: str) -> dict[int, Path]:
    if not folder.is_dir():
        return {}
    like = re.compile(re.escape(head) + r"(-?[0-9]+)" + re.escape(tail))
    found = ((like.fullmatch(path.name), path) for path in folder.iterdir())
    return {int(match[1]): path for match, path in found if match}


def _of_folder(folder: Path) -> list[int]:
    names = [_NUMBERED.fullmatch(path.name) for path in _stills(folder)]
    numbered = [match for match in names if match is not None]
    if len({(match[1], match[3]) for match in numbered}) != 1:
        return []
    return sorted({int(match[2]) for match in numbered})


def _stills(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in STILLS and not path.name.startswith(".")
    ]
