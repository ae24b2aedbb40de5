# SPDX-License-Identifier: Apache-2.0
"""What files hold, as a digest: a copy elsewhere is the same footage, a changed file is not.

Digests that were worked out once are written down with a solve, so that files which nobody touched
are not read again: same path, size, times and inode.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["contents_stamp", "known_digests", "recall"]

_known: dict[str, tuple[list[int], str]] = {}
_THREADS = 4


def contents_stamp(paths: Iterable[Path]) -> str:
    """Return the size and a digest of each file, a line each; files that are gone say so."""
    with ThreadPoolExecutor(_THREADS) as threads:
        return "\n".join(threads.map(_stamp, paths))


def _stamp(path: Path) -> str:
    try:
        name, state = os.path.realpath(path), path.stat()
        facts = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
        held = _known.get(name)
        if held is None or held[0] != facts:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
            held = _known[name] = (facts, digest.hexdigest())
    except OSError:
        return "gone"
    return f"{facts[0]} {held[1]}"


def known_digests(paths: Iterable[Path]) -> dict[str, list[object]]:
    """Return what `recall` takes, for files whose contents have been looked at."""
    names = [os.path.realpath(path) for path in paths]
    return {name: [*_known[name][0], _known[name][1]] for name in names if name in _known}


def recall(file: Path) -> None:
    """Take over digests from a JSON file of `known_digests`; one that is no good is ignored."""
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        for name, (*facts, digest) in held.items():
            if isinstance(digest, str) and len(facts) == 4:
                _known.setdefault(name, (facts, digest))
    except (OSError, ValueError, TypeError, AttributeError):
        return
