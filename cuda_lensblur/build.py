# SPDX-License-Identifier: Apache-2.0
"""Builds native kernels with ninja, once per machine and source text.

Sources are compiled once per instruction set, with ``ISA`` and ``LANES`` defined; which one runs
is chosen at run time, so a library built on one machine serves another. Wheels bring theirs along,
beside the sources (``wheels/build.py``), and nothing is compiled; a source checkout compiles on
first use.

The cache key hashes sources, flags and compiler version. A build runs in a private folder and its
library is renamed into place when done: a killed build leaves nothing that a later one waits for,
and two builders at once both succeed.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from cuda_lensblur.errors import BuildError

__all__ = [
    "FLAGS",
    "KERNELS",
    "LENSBLUR",
    "PARALLEL",
    "build_library",
    "cache_folder",
    "cache_key",
    "escape",
    "find_compiler",
    "load_library",
    "native_isa",
    "run_ninja",
    "shipped_library",
    "variants",
]

KERNELS = Path(__file__).parent / "kernels"
PARALLEL = (KERNELS / "parallel.cpp",)
"""What every library that uses parallel.h is built with."""
FLAGS = "-std=c++17 -O3 -fPIC -pthread -fno-math-errno -ffp-contract=fast -Wall"
"""What every source is compiled with, and ``-I`` of `KERNELS`."""
_DAY_S = 86400


LENSBLUR = (KERNELS / "scatter_cpu.cpp",), (KERNELS / "bindings.cpp", *PARALLEL)
"""Sources of the lens blur: compiled once per instruction set, and once."""


def variants(machine: str) -> dict[str, str]:
    """Return the flags of every instruction set that sources are compiled for on a machine.

    The plain one comes first: of what several of them bring, linkers keep the first.
    """
    sets = {"generic": "-DISA=generic -DLANES=4"}
    if machine.lower() in {"x86_64", "amd64"}:
        sets["avx2"] = "-DISA=avx2 -DLANES=8 -mavx2 -mfma"
        sets["avx512"] = "-DISA=avx512 -DLANES=16 -mavx512f -mavx512vl -mavx512dq -mfma"
    return sets


def find_compiler() -> str | None:
    """Return the C++ compiler: ``$CXX``, else the first of c++, g++, clang++; None if absent."""
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        if name and shutil.which(name):
            return name
    return None


def cache_folder() -> Path:
    """Return where built libraries are kept: ``$PULLFOCUS_CACHE``, else the user's cache folder."""
    named = os.environ.get("PULLFOCUS_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "pullfocus"


def cache_key(compiler: str, sources: Sequence[Path]) -> str:
    """Return a hash of everything that a build of ``sources`` depends on."""
    version = subprocess.run(
        [compiler, "--version"], capture_output=True, text=True, check=False
    ).stdout
    parts = [version, FLAGS, repr(variants(platform.machine())), sys.platform]
    for source in sources:
        parts += [source.name, source.read_text()]
        parts += [header.read_text() for header in sorted(source.parent.glob("*.h"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _ninja_file(compiler: str, per_isa: Sequence[Path], once: Sequence[Path]) -> str:
    lines = [
        f"cxx = {shlex.quote(compiler).replace('$', '$$')}",
        f"flags = {FLAGS} -I{shlex.quote(str(KERNELS)).replace('$', '$$')}",
        "rule compile",
        "  command = $cxx $flags $isa -MMD -MF $out.d -c $in -o $out",
        "  depfile = $out.d",
        "rule link",
        "  command = $cxx -shared -pthread $in -o $out",
    ]
    objects = []
    for source in per_isa:
        for name, isa in variants(platform.machine()).items():
            objects.append(f"{source.stem}-{name}.o")
            lines += [f"build {objects[-1]}: compile {escape(source)}", f"  isa = {isa}"]
    for source in once:
        objects.append(f"{source.stem}.o")
        lines.append(f"build {objects[-1]}: compile {escape(source)}")
    lines += [f"build library.so: link {' '.join(objects)}", ""]
    return "\n".join(lines)


def escape(path: Path) -> str:
    """Return a path as ninja files spell it."""
    return str(path).replace("$", "$$").replace(" ", "$ ").replace(":", "$:")


def _sweep(cache: Path) -> None:
    for folder in cache.glob("build-*"):
        with contextlib.suppress(FileNotFoundError):  # another build has swept it
            if time.time() - folder.stat().st_mtime > _DAY_S:
                shutil.rmtree(folder, ignore_errors=True)


def _ninja() -> str:
    beside = Path(sys.executable).with_name("ninja")
    return str(beside) if beside.exists() else "ninja"


def run_ninja(target: Path, ninja_file: str) -> None:
    """Build ``library.so`` of a ninja file in a private folder and rename it to ``target``.

    A build that is killed leaves a folder that a later one sweeps away; nobody waits for it.

    Raises:
        BuildError: no ninja, or a failed build.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    folder = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
    (folder / "build.ninja").write_text(ninja_file)
    try:
        run = subprocess.run(
            [_ninja(), "-C", str(folder)], capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            log = target.with_suffix(".log")
            log.write_text(run.stdout + run.stderr)
            raise BuildError(f"building {target.name} failed; the compiler's words are in {log}")
        os.replace(folder / "library.so", target)  # noqa: PTH105 - atomic on every platform
    except FileNotFoundError as error:
        raise BuildError("ninja was not found; install it with `pip install ninja`") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shipped_library(name: str, beside: Path) -> Path | None:
    """Return the library that a wheel brings beside its sources, if this is one."""
    suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
    path = beside / f"{name}{suffix}"
    return path if path.exists() else None


@functools.cache
def build_library(name: str, per_isa: tuple[Path, ...], once: tuple[Path, ...] = ()) -> ctypes.CDLL:
    """Load a native library: the one that came along, else one that is built on first use.

    Args:
        name: how its file in the cache begins.
        per_isa: sources compiled once per instruction set.
        once: sources compiled for the plain machine.

    Raises:
        BuildError: no compiler, no ninja, a cache that cannot be written, or a failed build.
    """
    shipped = shipped_library(name, per_isa[0].parent)
    if shipped is not None:
        try:
            return ctypes.CDLL(str(shipped))
        except OSError as error:
            raise BuildError(f"the native kernels that came along do not load: {error}") from error
    compiler = find_compiler()
    if compiler is None:
        raise BuildError("no C++ compiler was found ($CXX, c++, g++, clang++)")
    target = cache_folder() / f"{name}-{cache_key(compiler, (*per_isa, *once))}.so"
    try:
        if not target.exists():
            run_ninja(target, _ninja_file(compiler, per_isa, once))
        return ctypes.CDLL(str(target))
    except OSError as error:
        raise BuildError(f"native kernels cannot be kept at {target}: {error}") from error


def load_library() -> ctypes.CDLL:
    """Return the CPU lens-blur kernel, built on first use; raises `BuildError`."""
    return build_library("lensblur", *LENSBLUR)


@functools.cache
def native_isa() -> str:
    """Return the instruction set that native kernels run with on this CPU; raises `BuildError`."""
    library = load_library()
    library.lensblur_isa.restype = ctypes.c_char_p
    return library.lensblur_isa().decode()


if __name__ == "__main__":
    print(load_library()._name)
