# SPDX-License-Identifier: Apache-2.0
"""Builds the native kernel with ninja, once per machine and source text.

The cache key hashes sources, flags and compiler version. A build runs in a private folder and its
library is renamed into place when done: a killed build leaves nothing that a later one waits for,
and two builders at once both succeed.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cuda_lensblur.errors import BuildError

__all__ = ["cache_folder", "find_compiler", "load_library"]

_SOURCES = Path(__file__).parent / "kernels"
_FLAGS = "-std=c++17 -O3 -fPIC -fopenmp -fno-math-errno -ffp-contract=fast -Wall"
_X86 = platform.machine().lower() in {"x86_64", "amd64"}
# One object per instruction set; bindings.cpp chooses at run time.
_VARIANTS = {"generic": "-DISA=generic -DLANES=4"} | (
    {
        "avx2": "-DISA=avx2 -DLANES=8 -mavx2 -mfma",
        "avx512": "-DISA=avx512 -DLANES=16 -mavx512f -mavx512vl -mavx512dq -mfma",
    }
    if _X86
    else {}
)
_DAY_S = 86400


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


def _key(compiler: str) -> str:
    version = subprocess.run(
        [compiler, "--version"], capture_output=True, text=True, check=False
    ).stdout
    parts = [version, _FLAGS, repr(_VARIANTS), platform.machine(), sys.platform]
    parts += [p.read_text() for p in sorted(_SOURCES.glob("*.[hc]*")) if p.suffix != ".cu"]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _ninja_file(compiler: str) -> str:
    lines = [
        f"cxx = {compiler}",
        f"flags = {_FLAGS}",
        "rule compile",
        "  command = $cxx $flags $isa -MMD -MF $out.d -c $in -o $out",
        "  depfile = $out.d",
        "rule link",
        "  command = $cxx -shared -fopenmp $in -o $out",
    ]
    for name, isa in _VARIANTS.items():
        lines += [f"build {name}.o: compile {_SOURCES / 'scatter_cpu.cpp'}", f"  isa = {isa}"]
    lines.append(f"build bindings.o: compile {_SOURCES / 'bindings.cpp'}")
    objects = " ".join(f"{name}.o" for name in _VARIANTS)
    lines += [f"build lensblur.so: link {objects} bindings.o", ""]
    return "\n".join(lines)


def _sweep(cache: Path) -> None:
    for folder in cache.glob("build-*"):
        if time.time() - folder.stat().st_mtime > _DAY_S:
            shutil.rmtree(folder, ignore_errors=True)


def _ninja() -> str:
    beside = Path(sys.executable).with_name("ninja")
    return str(beside) if beside.exists() else "ninja"


def _build(compiler: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    _sweep(target.parent)
    folder = Path(tempfile.mkdtemp(prefix="build-", dir=target.parent))
    (folder / "build.ninja").write_text(_ninja_file(compiler))
    try:
        run = subprocess.run([_ninja(), "-C", str(folder)], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BuildError("ninja was not found; install it with `pip install ninja`") from error
    if run.returncode != 0:
        log = target.with_suffix(".log")
        log.write_text(run.stdout + run.stderr)
        raise BuildError(f"building the lens-blur kernel failed; the compiler's words are in {log}")
    os.replace(folder / "lensblur.so", target)  # noqa: PTH105 - atomic on every platform
    shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def load_library() -> ctypes.CDLL:
    """Build the CPU kernel if this machine has none yet, and load it.

    Raises:
        BuildError: no compiler, no ninja, a cache that cannot be written, or a failed build.
    """
    compiler = find_compiler()
    if compiler is None:
        raise BuildError("no C++ compiler was found ($CXX, c++, g++, clang++)")
    target = cache_folder() / f"lensblur-{_key(compiler)}.so"
    try:
        if not target.exists():
            _build(compiler, target)
        return ctypes.CDLL(str(target))
    except OSError as error:
        raise BuildError(f"the lens-blur kernel cannot be kept at {target}: {error}") from error


if __name__ == "__main__":
    print(load_library()._name)
