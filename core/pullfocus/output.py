# SPDX-License-Identifier: Apache-2.0
"""Where a verb writes: never over footage or paint, and what would fail at the end fails first.

`prepared` looks at every file that is going to be written before the first one is: whether it is
footage by another name (a link, ``..``, a hard link, other case), whether it holds what somebody
else made, whether names are possible, whether the folder can be written and the disk has room.
"""

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pullfocus.errors import PassesError
from pullfocus.shot import OnDisk

__all__ = ["DIGEST", "Output", "check_folder_free", "check_not_footage", "pixel_digest", "prepared"]

DIGEST = "pullfocus/pixels"
"""Attribute of a picture that artists paint on: `pixel_digest` of what was written."""
_MAKER = "pullfocus/version"
_LONGEST_NAME = 255  # bytes
_HOPELESS = 0.02
"""Less free space than this share of the raw pixels: no compression gets there."""


def pixel_digest(pixels: np.ndarray) -> str:
    """Return a digest of pixels as a file stores them: half or 8 bit, rows top to bottom."""
    held = np.ascontiguousarray(pixels)
    return hashlib.sha256(f"{held.dtype}{held.shape}".encode() + held.tobytes()).hexdigest()[:16]


@dataclass
class Output:
    """A folder that frames are written into, one after the other."""

    folder: Path
    planned: int
    """Frames that are going to be written."""
    done: list[Path] = field(default_factory=list)
    _sized: bool = False

    def kept(self, path: Path) -> None:
        """Count a frame that was there already."""
        self.done.append(path)

    def wrote(self, path: Path) -> None:
        """Count a frame; after the first one, its size tells whether the rest has room.

        Raises:
            PassesError: it has not.
        """
        self.done.append(path)
        left = self.planned - len(self.done)
        if self._sized or not left:
            return
        self._sized = True
        needed = path.stat().st_size * left
        free = shutil.disk_usage(self.folder).free
        if needed > free:
            raise PassesError(
                f"{self.folder}: {left} more frames need about {_size(needed)}, "
                f"{_size(free)} is free"
            )

    @contextmanager
    def telling(self) -> Iterator["Output"]:
        """Whatever ends the block early says how much of the work is whole."""
        try:
            yield self
        except BaseException as stopped:
            if self.done or not isinstance(stopped, Exception):
                stopped.add_note(
                    f"{len(self.done)} of {self.planned} frames are complete in {self.folder}"
                )
            raise


def check_folder_free(folder: Path, footage: Sequence[OnDisk]) -> None:
    """Check that no sequence lies in a folder: results there would make it two.

    Raises:
        PassesError: one does.
    """
    for one in footage:
        if one.folder is not None and _same_folder(folder, one.folder):
            raise PassesError(
                f"--out {folder} is the folder of the {one.what}: results would mix with it; "
                f"choose another, such as {folder / 'passes'}"
            )


def check_not_footage(
    targets: Iterable[Path], footage: Sequence[OnDisk], paint: Mapping[str, Path] | None = None
) -> None:
    """Check that nothing which was handed over would be replaced.

    Args:
        targets: files that are going to be written.
        footage: plate, mattes and a given circle of confusion.
        paint: what it is, and the file: anything else that is read.

    Raises:
        PassesError: naming what would be lost.
    """
    held = [(one.what, path) for one in footage for path in one.files]
    held += list((paint or {}).items())
    names = {_place(path): what for what, path in held}
    files = {key: what for what, path in held if (key := _identity(path)) is not None}
    for target in targets:
        what = names.get(_place(target)) or files.get(_identity(target) or (0, 0))
        if what is not None:
            raise PassesError(
                f"{target} is the {what}, and would be written over: choose another --out"
            )


def prepared(
    folder: Path,
    frames: Sequence[str],
    *,
    footage: Sequence[OnDisk],
    painted: Sequence[str] = (),
    others: Sequence[str] = (),
    paint: Mapping[str, Path] | None = None,
    raw_bytes: int = 0,
) -> Output:
    """Make the folder of a verb's results, once everything that could fail later has been checked.

    Args:
        folder: where to write.
        frames: names of the frames.
        footage: what must not be touched; a folder that holds a sequence of it takes no results.
        painted: names of pictures with a `DIGEST`, which artists paint on.
        others: names of what else is written.
        paint: what it is, and the file: anything else that is read.
        raw_bytes: of one frame, uncompressed.

    Raises:
        PassesError: expected, got, where: one line.
    """
    names = [*frames, *painted, *others]
    for name in names:
        if len(os.fsencode(name)) > _LONGEST_NAME:
            raise PassesError(f"expected a file name of up to 255 bytes, got {name}")
    if folder.exists() and not folder.is_dir():
        raise PassesError(f"cannot write frames to {folder}: expected a folder, got a file")
    check_folder_free(folder, footage)
    targets = [folder / name for name in names]
    check_not_footage(targets, footage, paint)
    freed = sum(_check_ours(target, digest=target.name in painted) for target in targets)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".pullfocus-"):
            pass
    except OSError as error:
        raise PassesError(f"cannot write frames to {folder}: {error.strerror}") from error
    free = shutil.disk_usage(folder).free + freed
    if free < _HOPELESS * raw_bytes * len(frames):
        raise PassesError(
            f"{folder}: {len(frames)} frames are {_size(raw_bytes * len(frames))} before "
            f"compression, {_size(free)} is free on that disk"
        )
    return Output(folder, len(frames))


def _check_ours(target: Path, *, digest: bool) -> int:
    """Return the size of a file that may be replaced; 0 where there is none."""
    try:
        state = target.lstat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return 0
        raise PassesError(f"cannot look at {target}: {error.strerror}") from error
    if stat.S_ISDIR(state.st_mode):
        raise PassesError(f"expected to write the file {target}, got a folder of that name")
    if state.st_size and not _is_ours(target, digest=digest):
        made = "painted or replaced since it was baked" if digest else "not written by pullfocus"
        raise PassesError(
            f"{target} was {made}, and would be written over: move it away, or choose another --out"
        )
    return state.st_size


def _is_ours(path: Path, *, digest: bool) -> bool:
    if path.suffix == ".json":
        with path.open("rb") as stream:
            start = stream.read(200)
        return b'"pullfocus passes"' in start
    if path.suffix not in (".exr", ".png"):
        return True
    import OpenImageIO as oiio

    image = oiio.ImageInput.open(str(path))
    if image is None:
        oiio.geterror()
        return False
    spec = image.spec()
    try:
        if not digest:
            return bool(spec.get_string_attribute(_MAKER))
        pixels = image.read_image("half" if path.suffix == ".exr" else "uint8")
        wanted = spec.get_string_attribute(DIGEST)
        return pixels is not None and wanted == pixel_digest(pixels)
    finally:
        image.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """What a file is, whatever it is called: links lead to it, hard links are it."""
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _place(path: Path) -> tuple[str, str]:
    """Where a name is, without following it; names in two cases are one file on many disks."""
    return os.path.realpath(path.parent), path.name.casefold()


def _same_folder(one: Path, other: Path) -> bool:
    there = _identity(one)
    if there is not None and there == _identity(other):
        return True
    return os.path.realpath(one) == os.path.realpath(other)


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
