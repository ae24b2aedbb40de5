# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: tensors and JSON in one safetensors file, replaced in one rename.

The JSON travels in the header of the safetensors file, so that no kill can leave tensors of one
step beside facts of another. A reader sees the previous checkpoint or the new one, never a mix.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullfocus.errors import SolveError

if TYPE_CHECKING:
    import torch

__all__ = ["load", "load_meta", "replacing", "save", "sweep", "write_json"]

FORMAT = 1
_KEY = "pullfocus"
_TEMPORARY, _OLD_S = ".tmp-", 86400.0
_HOST = re.sub(r"[^A-Za-z0-9.]", "", platform.node())


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; put it in place, synced to disk, when the block ends.

    The temporary keeps the suffix of `path`, since some writers choose the format by it.

    Raises:
        SolveError: the disk is full or the folder cannot be written; `path` is untouched.
    """
    try:
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f"{_TEMPORARY}{_HOST}-{os.getpid()}-", suffix=path.suffix
        )
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            # Temporaries are private; results are as readable as any file the user makes. Set at
            # the end, since safetensors puts a private file of its own in this place.
            temporary.chmod(0o666 & ~_umask())
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise SolveError(f"could not write {path}: {_why(error)}") from error


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder, and nothing of those that live.

    Locks are no help there: on a shared disk another machine may be writing beside us.
    """
    for left in folder.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if _is_left_behind(left):
                left.unlink()


def _is_left_behind(path: Path) -> bool:
    host, _, rest = path.name.removeprefix(_TEMPORARY).rpartition("-")[0].rpartition("-")
    if host != _HOST or not rest.isdigit() or os.name == "nt":
        return time.time() - path.stat().st_mtime > _OLD_S
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it lives, as somebody else
        return False
    return int(rest) == os.getpid()


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, atomically.

    Raises:
        SolveError: the file cannot be written; an earlier one is untouched.
    """
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def save(path: Path, tensors: Mapping[str, torch.Tensor], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically.

    Args:
        path: the checkpoint file; replaced if it exists.
        tensors: any dtypes and shapes, on any device; each is stored on its own.
        meta: facts that JSON can hold.

    Raises:
        SolveError: the file cannot be written; the previous checkpoint is untouched.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    # clone: safetensors refuses tensors that share memory (tied or sliced parameters)
    flat = {name: t.detach().to("cpu").contiguous().clone() for name, t in tensors.items()}
    text = json.dumps({"format": FORMAT, **meta}, allow_nan=False)
    with replacing(path) as temporary:
        try:
            save_file(flat, str(temporary), metadata={_KEY: text})
        except SafetensorError as error:
            raise OSError(errno.EIO, str(error)) from error


def load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a checkpoint: its tensors (on the CPU) and its facts.

    Raises:
        SolveError: the file is missing, truncated, or was not written by pullfocus.
    """
    from safetensors import SafetensorError, safe_open

    meta = load_meta(path)
    try:
        with safe_open(str(path), framework="pt", device="cpu") as stored:
            # clone: a view would keep the file mapped while the next checkpoint replaces it
            return {name: stored.get_tensor(name).clone() for name in stored.keys()}, meta
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, str(error)) from error


def load_meta(path: Path) -> dict[str, Any]:
    """Read the facts of a checkpoint without its tensors.

    Raises:
        SolveError: the file is missing, truncated, or was not written by pullfocus.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise SolveError(f"expected a checkpoint at {path}, found none")
    try:
        with safe_open(str(path), framework="pt", device="cpu") as stored:
            header = stored.metadata() or {}
        meta = json.loads(header[_KEY])
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    except KeyError as error:
        raise _unreadable(path, "it holds no pullfocus header") from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        found = meta.get("format") if isinstance(meta, dict) else meta
        raise _unreadable(path, f"expected checkpoint format {FORMAT}, got {found!r}")
    return meta


def _unreadable(path: Path, why: str) -> SolveError:
    first_line = why.strip().splitlines()[0] if why.strip() else "unknown reason"
    return SolveError(
        f"cannot read the checkpoint {path}: {first_line}; --restart starts a solve over"
    )


def _why(error: OSError) -> str:
    text = error.strerror or str(error)
    if error.errno == errno.ENOSPC or "No space left" in text:
        return "the disk is full"
    return text


def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk, so that a rename cannot outrun its content."""
    if path.is_dir() and os.name == "nt":  # a folder cannot be opened there
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
