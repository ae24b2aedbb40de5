# SPDX-License-Identifier: Apache-2.0
"""From what the user typed to files on disk: patterns, folders, stills, movies, frame ranges."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from pullfocus.errors import MatteError, PlateError, PullfocusError
from pullfocus.plate.names import (
    PLACEHOLDER,
    Group,
    Matched,
    as_on_disk,
    groups,
    match,
    one_padding,
    short_name,
)

__all__ = [
    "IMAGE_EXTENSIONS",
    "MOVIE_EXTENSIONS",
    "PLATE",
    "Found",
    "Role",
    "choose_frames",
    "coc_role",
    "find_footage",
    "matte_role",
    "openjd_range",
    "parse_frames",
    "range_text",
]

IMAGE_EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx", ".exr"})
MOVIE_EXTENSIONS = frozenset(
    ".mov .mp4 .m4v .mkv .webm .avi .mpg .mpeg .mxf .mts .m2ts .wmv .ogv .gif".split()
)
_AROUND_MARKS = re.compile(r"\s*([-,:x])\s*")


@dataclass(frozen=True, kw_only=True)
class Role:
    """What a piece of footage is for: the subject of its messages and the channels it needs."""

    what: str
    error: type[PullfocusError]
    any_channel: bool = False
    """Without R, G, B or grey take the first channel there is, instead of refusing."""
    channel: str | None = None
    """A channel taken alone, by this name, where the file has it."""
    channel_must: bool = False
    """Files without that channel are refused."""
    layer: str | None = None
    """The layer, part or view to take (``--plate-layer``); None: found."""


PLATE = Role(what="plate", error=PlateError)


def matte_role(name: str) -> Role:
    """Role of the matte of layer ``name``."""
    return Role(what=f"matte {name}", error=MatteError, any_channel=True)


def coc_role() -> Role:
    """Role of a given circle of confusion."""
    return Role(what="coc", error=PlateError, any_channel=True, channel="coc.X")


@dataclass(frozen=True, kw_only=True)
class Found:
    """Files that make up one piece of footage."""

    name: str
    """Short name, for folders and titles."""
    label: str
    """How messages call it: ``shot.####.exr``."""
    frames: tuple[int, ...]
    """Frame numbers; empty for a movie, whose reader counts them."""
    paths: tuple[Path, ...]
    """One file per frame, or the movie alone."""
    folder: Path | None = None
    """The folder, where it must go on holding this sequence alone; see ``shot.OnDisk``."""
    movie: bool = False
    notes: tuple[str, ...] = ()


def range_text(frames: Sequence[int]) -> str:
    """Frame numbers as a fileseq range: ``1-20,24``."""
    import fileseq

    return fileseq.framesToFrameRange(sorted(frames), compress=True) if frames else "none"


def openjd_range(frames: Sequence[int]) -> str:
    """Frame numbers as a range expression of Open Job Description: ``1-9:2,12``."""
    return range_text(frames).replace("x", ":")


def parse_frames(text: str, *, role: Role = PLATE) -> tuple[int, ...]:
    """Frame numbers named by a range, rising, each once.

    Ranges are those of fileseq, ``1-9x2``, and those of Open Job Description, ``1-9:2``: a colon
    is the step there. (fileseq's own colon only changes the order, which is lost here.)

    Raises:
        PullfocusError: (the role's kind) the text is not a range of whole frames.
    """
    import fileseq
    from fileseq.exceptions import FileSeqException

    plain = _AROUND_MARKS.sub(r"\1", text.strip()).replace(":", "x")
    try:
        if len(plain.split()) > 1:  # fileseq would read "1 5" as 15
            raise ValueError(plain)
        numbers = sorted(set(fileseq.FrameSet(plain)))
    except (FileSeqException, ValueError, ArithmeticError) as error:
        raise role.error(
            f"{role.what}: expected frames like 1001-1060, 1-20x2, 1-20:2 or 1,5,9, got '{text}'"
        ) from error
    if not numbers or any(number != int(number) for number in numbers):
        raise role.error(f"{role.what}: expected whole frame numbers, got '{text}'")
    return tuple(int(number) for number in numbers)


def choose_frames(
    available: Sequence[int], wanted: str | Sequence[int] | None, *, label: str, role: Role
) -> tuple[int, ...]:
    """Pick the wanted frames out of those available, refusing gaps by frame number.

    Args:
        available: frame numbers on disk, rising.
        wanted: a fileseq range (the user's ``--frames``), the frames another piece of footage
            asks for, or None: everything from the first to the last, with nothing left out.
        label: what messages call the footage.
        role: whose footage it is.

    Raises:
        PullfocusError: (the role's kind) some wanted frames are not there.
    """
    present = range_text(available)
    if wanted is None:
        # A range of all numbers would not fit into memory where dates are taken for frames.
        gaps = [(a + 1, b - 1) for a, b in pairwise(available) if b - a > 1]
        if not gaps:
            return tuple(available)
        noun = "frame" if len(gaps) == 1 and gaps[0][0] == gaps[0][1] else "frames"
        named = ",".join(str(a) if a == b else f"{a}-{b}" for a, b in gaps)
        raise role.error(
            f"{role.what}: {label} lacks {noun} {named}: found {present}; add them or choose with "
            f"--frames {present}"
        )
    if isinstance(wanted, str):
        frames = parse_frames(wanted, role=role)
        reason = f"--frames {wanted} asks for them; found {present}"
    else:
        frames = tuple(wanted)
        reason = f"the plate has frames {range_text(frames)}; found {present}"
        shift = frames[0] - available[0]
        if [frame - shift for frame in frames] == list(available) and role.what != "coc":
            reason += f"; PATH:shift={shift} moves them there"
    missing = sorted(set(frames) - set(available))
    if missing:
        noun = "frame" if len(missing) == 1 else "frames"
        raise role.error(f"{role.what}: {label} lacks {noun} {range_text(missing)}: {reason}")
    return frames


def find_footage(
    text: str, *, frames: str | Sequence[int] | None = None, role: Role = PLATE
) -> Found:
    """Resolve a path form: ``shot.####.exr``, ``shot.%04d.png``, a folder, a still, a movie.

    Whatever lies there under the very name comes first: ``take#2.mov``, a folder ``Job #3``.

    Args:
        text: what the user typed.
        frames: see ``choose_frames``.
        role: whose footage it is.

    Raises:
        PullfocusError: (the role's kind) nothing matches, frames are missing, a folder holds more
            than one sequence, or a sequence goes on under another name.
    """
    if not text.strip():
        raise role.error(f"{role.what}: expected a file, a folder or shot.####.exr, got nothing")
    _check_text(text, role)
    path = as_on_disk(Path(os.path.expanduser(text)))  # noqa: PTH111 - "~x" may be a file's name
    if os.path.isdir(path):  # noqa: PTH112 - no error where a name is too long
        return replace(_from_folder(path, frames, role), folder=path)
    if os.path.isfile(path):  # noqa: PTH113
        return _from_file(path, frames, role)
    if os.path.lexists(path) and not path.is_symlink():
        raise role.error(f"{role.what}: expected a file or a folder, got something else: {path}")
    if PLACEHOLDER.search(path.name):
        return _from_pattern(path, frames, role)
    if any(PLACEHOLDER.search(part) for part in path.parts[:-1]):
        raise role.error(f"{role.what}: the frame number belongs in the file name, got '{text}'")
    hint = _neighbours(path.parent) + _other_system(text)
    raise role.error(f"{role.what}: no such file or folder: {path}{hint}")


def _from_pattern(path: Path, frames: str | Sequence[int] | None, role: Role) -> Found:
    folders = path.parts[:-1]
    if not os.path.isdir(path.parent) and any(map(PLACEHOLDER.search, folders)):  # noqa: PTH112
        raise role.error(f"{role.what}: the frame number belongs in the file name, got '{path}'")
    _check_extension(path, role)
    entries = _entries(path.parent, role)
    found = match(path.name, entries)
    assert found is not None  # its name has a placeholder
    if not found.files and (not found.strays or found.pad > 1):
        holders = PLACEHOLDER.findall(path.name)
        if len(holders) > 1 and not found.strays:
            raise role.error(
                f"{role.what}: expected one frame number in the name, got '{path.name}'"
            )
        example = f"{found.prefix}{1:0{found.pad}d}{found.suffix}"
        raise role.error(
            f"{role.what}: no file matches {path.name}: looked for names like {example} in "
            f"{path.parent}{_neighbours(path.parent)}{_other_system(str(path))}"
        )
    files, notes = _with_strays(found, path.name, frames, role)
    if frames is None:
        notes += _check_whole(found, files, path.name, entries, role)
    whole = _found(found.prefix, path.name, path.parent, files, frames, role)
    return replace(whole, folder=path.parent, notes=(*whole.notes, *notes))


def _with_strays(
    found: Matched, label: str, frames: str | Sequence[int] | None, role: Role
) -> tuple[dict[int, Path], list[str]]:
    """Add the numbers whose padding is not the pattern's, or say that they are left out."""
    files, strays, notes = found.files, found.strays, []
    pad = one_padding([*files.items(), *strays.items()], found.prefix, found.suffix)
    if strays and not found.twice and pad is not None:
        notes.append(f"{role.what}: the numbers of {label} have {pad} digits")
        return {**files, **strays}, notes
    left = [*strays.values(), *found.twice]
    if left:
        named = ", ".join(sorted(path.name for path in left)[:3]) + (
            " ..." if len(left) > 3 else ""
        )
        if frames is None and not found.twice and _adjoin(files, strays):
            raise role.error(
                f"{role.what}: {label} has numbers of mixed padding: {named} beside "
                f"{range_text(sorted(files))}; give them one padding, or choose with --frames "
                f"{range_text(sorted(files))}"
            )
        notes.append(f"{role.what}: also there, left out for another padding: {named}")
    return files, notes


def _check_whole(
    found: Matched, files: dict[int, Path], label: str, entries: Sequence[Path], role: Role
) -> list[str]:
    """Look for the rest of a sequence under another separator, case or extension.

    Raises:
        PullfocusError: (the role's kind) the numbers go on there.
    """
    taken = set(files.values()) | set(found.twice) | set(found.strays.values())
    rest = [e for e in entries if e not in taken and e.suffix.lower() in IMAGE_EXTENSIONS]
    own = Group(label, found.prefix, found.suffix, files).kin
    notes = []
    for group in groups(rest):
        if not group.numbered or group.kin != own:
            continue
        also = f"{group.label} ({range_text(sorted(group.files))})"
        if _adjoin(files, group.files):
            raise role.error(
                f"{role.what}: {label} ({range_text(sorted(files))}) goes on as {also}; give them "
                f"one name, or choose with --frames {range_text(sorted(files))}"
            )
        notes.append(f"{role.what}: also there, left out: {also}")
    return notes


def _adjoin(files: dict[int, Path], others: dict[int, Path]) -> bool:
    """Whether other numbers fill or continue these, and none is there twice."""
    if not files or set(files) & set(others):
        return False
    return any(n - 1 in files or n + 1 in files for n in others)


def _from_folder(folder: Path, frames: str | Sequence[int] | None, role: Role) -> Found:
    entries = _entries(folder, role)
    found = _groups(entries)
    movies = [entry for entry in entries if entry.suffix.lower() in MOVIE_EXTENSIONS]
    if len(found) + len(movies) != 1:
        held = _listing(found, movies)
        hint = "; name one of them, e.g. shot.####.exr" if held else ""
        raise role.error(
            f"{role.what}: expected one sequence in the folder {folder}, "
            f"found {held or 'no image or movie'}{hint}"
        )
    if movies:
        return _from_file(movies[0], frames, role)
    group = found[0]
    return _found(group.prefix, group.label, folder, group.files, frames, role)


def _from_file(path: Path, frames: str | Sequence[int] | None, role: Role) -> Found:
    _check_extension(path, role)
    if path.suffix.lower() in MOVIE_EXTENSIONS:
        _check_text(str(path), role)
        name = short_name(path.stem, path.absolute().parent.name)
        if ":" in str(path):  # which FFmpeg takes for the end of a protocol
            path = path.absolute()
        return Found(name=name, label=path.name, frames=(), paths=(path,), movie=True)
    own = groups([path])[0]
    found = _found(own.prefix, path.name, path.parent, own.files, frames, role)
    siblings = [g for g in _groups(_entries(path.parent, role)) if path in g.files.values()]
    if not siblings or len(siblings[0].files) < 2:
        return found
    note = f"{role.what}: {path.name} is taken as one frame; {siblings[0].label} names them all"
    return replace(found, folder=path.parent, notes=(note,))


def _found(
    prefix: str,
    label: str,
    folder: Path,
    files: dict[int, Path],
    frames: str | Sequence[int] | None,
    role: Role,
) -> Found:
    chosen = choose_frames(sorted(files), frames, label=label, role=role)
    for number in chosen:
        _check_text(str(files[number]), role)
    return Found(
        name=short_name(prefix, folder.resolve().name),
        label=label,
        frames=chosen,
        paths=tuple(files[number] for number in chosen),
    )


def _check_text(text: str, role: Role) -> None:
    """Refuse names that are no text: neither headers nor passes.json could hold them."""
    try:
        good = "\0" not in text and bool(text.encode("utf-8"))
    except UnicodeEncodeError:
        good = False
    if not good:
        raise role.error(f"{role.what}: expected file names in UTF-8, got {text!a}")


def _check_extension(path: Path, role: Role) -> None:
    if path.suffix.lower() not in IMAGE_EXTENSIONS | MOVIE_EXTENSIONS:
        known = " ".join(sorted(IMAGE_EXTENSIONS)) + ", or a movie"
        raise role.error(f"{role.what}: expected one of {known}, got '{path.name}'")


def _entries(folder: Path, role: Role) -> list[Path]:
    """What a folder holds, hidden files and folders left out."""
    try:
        with os.scandir(folder) as held:
            # no folders, no pipes, which would block; a link to nothing is a frame that is lost
            names = [
                e.name
                for e in held
                if not e.name.startswith(".")
                and (e.is_file() or (e.is_symlink() and not e.is_dir()))
            ]
    except OSError as error:
        raise role.error(f"{role.what}: cannot list {folder}: {error.strerror}") from error
    return [folder / name for name in sorted(names)]


def _groups(entries: Sequence[Path]) -> list[Group]:
    return groups([entry for entry in entries if entry.suffix.lower() in IMAGE_EXTENSIONS])


def _listing(found: Sequence[Group], movies: Sequence[Path]) -> str:
    names = [f"{group.label} ({range_text(list(group.files))})" for group in found]
    names += [movie.name for movie in movies]
    shown = ", ".join(names[:6])
    return shown + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _neighbours(folder: Path) -> str:
    """What a folder holds, as the end of a 'nothing matches' message."""
    if not os.path.isdir(folder):  # noqa: PTH112
        return f"; the folder {folder} does not exist"
    try:
        entries = _entries(folder, PLATE)
    except PullfocusError:
        return ""
    movies = [entry for entry in entries if entry.suffix.lower() in MOVIE_EXTENSIONS]
    held = _listing(_groups(entries), movies)
    return f"; the folder holds {held}" if held else "; the folder holds no image or movie"


def _other_system(text: str) -> str:
    """A hint where a path is written as Windows does."""
    return "; paths have / here, not \\" if "\\" in text and os.sep == "/" else ""
