# SPDX-License-Identifier: Apache-2.0
"""From what the user typed to files on disk: patterns, folders, stills, movies, frame ranges."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pullfocus.errors import MatteError, PlateError, PullfocusError

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
_PLACEHOLDER = re.compile(r"#+|%0?\d*d")
_NUMBERED = re.compile(r"^(?P<prefix>.*?)(?P<number>(?:(?<=[._])-)?\d+)$")
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


@dataclass(frozen=True)
class _Group:
    """Files of a folder that differ in nothing but their frame number."""

    label: str
    prefix: str
    files: dict[int, Path]


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
    except (FileSeqException, ValueError) as error:
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
        frames = tuple(range(available[0], available[-1] + 1))
        reason = f"found {present}; add them or choose with --frames {present}"
    elif isinstance(wanted, str):
        frames = parse_frames(wanted, role=role)
        reason = f"--frames {wanted} asks for them; found {present}"
    else:
        frames = tuple(wanted)
        reason = f"the plate has frames {range_text(frames)}; found {present}"
    missing = sorted(set(frames) - set(available))
    if missing:
        noun = "frame" if len(missing) == 1 else "frames"
        raise role.error(f"{role.what}: {label} lacks {noun} {range_text(missing)}: {reason}")
    return frames


def find_footage(
    text: str, *, frames: str | Sequence[int] | None = None, role: Role = PLATE
) -> Found:
    """Resolve a path form: ``shot.####.exr``, ``shot.%04d.png``, a folder, a still, a movie.

    Args:
        text: what the user typed.
        frames: see ``choose_frames``.
        role: whose footage it is.

    Raises:
        PullfocusError: (the role's kind) nothing matches, frames are missing, or a folder holds
            more than one sequence.
    """
    if not text.strip():
        raise role.error(f"{role.what}: expected a file, a folder or shot.####.exr, got nothing")
    path = Path(text).expanduser()
    if any(_PLACEHOLDER.search(part) for part in path.parts[:-1]):
        raise role.error(f"{role.what}: the frame number belongs in the file name, got '{text}'")
    if _PLACEHOLDER.search(path.name) and not path.exists():
        return _from_pattern(path, frames, role)
    if path.is_dir():
        return replace(_from_folder(path, frames, role), folder=path)
    if not path.is_file():
        raise role.error(f"{role.what}: no such file or folder: {path}{_neighbours(path.parent)}")
    return _from_file(path, frames, role)


def _from_pattern(path: Path, frames: str | Sequence[int] | None, role: Role) -> Found:
    holders = list(_PLACEHOLDER.finditer(path.name))
    if len(holders) > 1:
        raise role.error(f"{role.what}: expected one frame number in the name, got '{path.name}'")
    holder = holders[0]
    prefix, suffix = path.name[: holder.start()], path.name[holder.end() :]
    _check_extension(path, role)
    mark = holder.group()
    pad = len(mark) if mark[0] == "#" else int(mark[1:-1] or 1)
    found: dict[int, Path] = {}
    for entry in _entries(path.parent, role):
        if not (entry.name.startswith(prefix) and entry.name.endswith(suffix)):
            continue
        digits = entry.name[len(prefix) : len(entry.name) - len(suffix)]
        if re.fullmatch(r"-?\d+", digits) and f"{int(digits):0{pad}d}" == digits:
            found[int(digits)] = entry
    if not found:
        example = f"{prefix}{1:0{pad}d}{suffix}"
        raise role.error(
            f"{role.what}: no file matches {path.name}: looked for names like {example} in "
            f"{path.parent}{_neighbours(path.parent)}"
        )
    return _found(prefix, path.name, path.parent, found, frames, role)


def _from_folder(folder: Path, frames: str | Sequence[int] | None, role: Role) -> Found:
    entries = _entries(folder, role)
    groups = _groups(entries)
    movies = [entry for entry in entries if entry.suffix.lower() in MOVIE_EXTENSIONS]
    if len(groups) + len(movies) != 1:
        held = _listing(groups, movies)
        hint = "; name one of them, e.g. shot.####.exr" if held else ""
        raise role.error(
            f"{role.what}: expected one sequence in the folder {folder}, "
            f"found {held or 'no image or movie'}{hint}"
        )
    if movies:
        return _from_file(movies[0], frames, role)
    group = groups[0]
    return _found(group.prefix, group.label, folder, group.files, frames, role)


def _from_file(path: Path, frames: str | Sequence[int] | None, role: Role) -> Found:
    _check_extension(path, role)
    if path.suffix.lower() in MOVIE_EXTENSIONS:
        return Found(
            name=_name(path.stem, path), label=path.name, frames=(), paths=(path,), movie=True
        )
    numbered = _NUMBERED.match(path.stem)
    number = int(numbered["number"]) if numbered else 1
    found = _found(
        numbered["prefix"] if numbered else path.stem,
        path.name,
        path.parent,
        {number: path},
        frames,
        role,
    )
    siblings = [
        group for group in _groups(_entries(path.parent, role)) if path in group.files.values()
    ]
    if siblings and len(siblings[0].files) > 1:
        note = f"{role.what}: {path.name} is taken as one frame; {siblings[0].label} names them all"
        return Found(
            name=found.name,
            label=found.label,
            frames=found.frames,
            paths=found.paths,
            notes=(note,),
        )
    return found


def _found(
    prefix: str,
    label: str,
    folder: Path,
    files: dict[int, Path],
    frames: str | Sequence[int] | None,
    role: Role,
) -> Found:
    chosen = choose_frames(sorted(files), frames, label=label, role=role)
    return Found(
        name=_name(prefix, folder.resolve()),
        label=label,
        frames=chosen,
        paths=tuple(files[number] for number in chosen),
        folder=folder if len(files) > 1 else None,
    )


def _name(prefix: str, folder: Path) -> str:
    return prefix.rstrip("._- ") or folder.name or "shot"


def _check_extension(path: Path, role: Role) -> None:
    if path.suffix.lower() not in IMAGE_EXTENSIONS | MOVIE_EXTENSIONS:
        known = " ".join(sorted(IMAGE_EXTENSIONS)) + ", or a movie"
        raise role.error(f"{role.what}: expected one of {known}, got '{path.name}'")


def _entries(folder: Path, role: Role) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise role.error(f"{role.what}: cannot list {folder}: {error.strerror}") from error


def _groups(entries: Sequence[Path]) -> list[_Group]:
    """Image files grouped into sequences; a name without a number is a group of its own."""
    stacks: dict[tuple[str, str, int], dict[int, Path]] = {}
    groups = []
    for entry in entries:
        if entry.suffix.lower() not in IMAGE_EXTENSIONS:
            continue
        match = _NUMBERED.match(entry.stem)
        if match is None:
            groups.append(_Group(entry.name, entry.stem, {1: entry}))
            continue
        digits = match["number"].lstrip("-")
        # A leading zero fixes the padding; without one the number may belong to any padding up
        # to its own length, so it joins a padded sequence where there is one.
        pad = len(digits) if digits.startswith("0") and len(digits) > 1 else 0
        stacks.setdefault((match["prefix"], entry.suffix, pad), {})[int(match["number"])] = entry
    for (prefix, suffix, pad), files in sorted(stacks.items()):
        if pad == 0:
            for wider in [key for key in stacks if key[:2] == (prefix, suffix) and key[2] > 0]:
                for number in [n for n in files if len(str(abs(n))) >= wider[2]]:
                    stacks[wider].setdefault(number, files.pop(number))
    for (prefix, suffix, pad), files in sorted(stacks.items()):
        if files:
            width = pad or min(len(str(abs(number))) for number in files)
            same = pad or len({len(str(abs(number))) for number in files}) == 1
            groups.append(_Group(f"{prefix}{'#' * (width if same else 1)}{suffix}", prefix, files))
    return groups


def _listing(groups: Sequence[_Group], movies: Sequence[Path]) -> str:
    names = [f"{group.label} ({range_text(list(group.files))})" for group in groups]
    names += [movie.name for movie in movies]
    shown = ", ".join(names[:6])
    return shown + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _neighbours(folder: Path) -> str:
    """What a folder holds, as the end of a 'nothing matches' message."""
    if not folder.is_dir():
        return f"; the folder {folder} does not exist"
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError:
        return ""
    movies = [entry for entry in entries if entry.suffix.lower() in MOVIE_EXTENSIONS]
    held = _listing(_groups(entries), movies)
    return f"; the folder holds {held}" if held else "; the folder holds no image or movie"
