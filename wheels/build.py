# SPDX-License-Identifier: Apache-2.0
"""Build the wheels of all platforms on this machine: ``python wheels/build.py [PLATFORM...]``.

Kernels are compiled by ``ziglang``, a C++ compiler with the libraries of every platform in a wheel
of its own; the Python part is built once and packed with each platform's libraries. The interface
is plain C: one wheel serves every Python from 3.11 on.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pullfocus.native import SOURCES

from cuda_lensblur.build import FLAGS, KERNELS, LENSBLUR, PARALLEL, variants

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = {
    "cuda_lensblur/kernels/lensblur": LENSBLUR,
    "pullfocus/native/solver": (SOURCES, PARALLEL),
}


@dataclass(frozen=True)
class Platform:
    """One wheel."""

    target: str
    """As zig spells it."""
    machine: str
    suffix: str
    """Of a library."""
    tag: str
    """Of the wheel."""


PLATFORMS = {
    "linux-x86_64": Platform("x86_64-linux-gnu.2.28", "x86_64", ".so", "manylinux_2_28_x86_64"),
    "linux-aarch64": Platform("aarch64-linux-gnu.2.28", "aarch64", ".so", "manylinux_2_28_aarch64"),
    "macos-arm64": Platform("aarch64-macos.11.0", "arm64", ".dylib", "macosx_11_0_arm64"),
    "macos-x86_64": Platform("x86_64-macos.11.0", "x86_64", ".dylib", "macosx_11_0_x86_64"),
    "windows-x86_64": Platform("x86_64-windows-gnu", "x86_64", ".dll", "win_amd64"),
}


def compile_libraries(platform: Platform, out: Path) -> list[Path]:
    """Compile and link every library for a platform below ``out``; returns their paths."""
    made = []
    for name, (per_isa, once) in LIBRARIES.items():
        path = (out / name).with_suffix(platform.suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        units = [(source, isa) for source in per_isa for isa in variants(platform.machine).items()]
        units += [(source, ("", "")) for source in once]
        with tempfile.TemporaryDirectory(prefix="pullfocus-") as folder:
            objects = [f"{folder}/{source.stem}{isa}.o" for source, (isa, _) in units]
            for (source, (_, flags)), target in zip(units, objects, strict=True):
                _zig(platform, [*_flags(platform), *flags.split(), "-c", str(source), "-o", target])
            _zig(platform, ["-shared", "-s", *objects, "-o", str(path)])
        for extra in (path.with_suffix(".lib"), path.with_suffix(".pdb")):
            extra.unlink(missing_ok=True)  # what a linker for Windows leaves beside
        made.append(path)
    return made


def _flags(platform: Platform) -> list[str]:
    flags = [*FLAGS.split(), f"-I{KERNELS}"]
    if platform.suffix == ".dll":  # all code can be moved there, and zig says so for every file
        flags.remove("-fPIC")
    return flags


def _zig(platform: Platform, words: list[str]) -> None:
    # without a sanitizer, and for the oldest CPU of the platform: zig would take this machine's
    cpu = ["-mcpu=baseline"] if "-mavx2" not in words and "-mavx512f" not in words else []
    command = [sys.executable, "-m", "ziglang", "c++", "-target", platform.target]
    run = subprocess.run(
        [*command, *cpu, "-fno-sanitize=undefined", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise SystemExit(f"{platform.target}: {' '.join(words[-3:])} failed\n{run.stderr}")


def pure_wheel(folder: Path) -> Path:
    """Build the Python part and unpack it; returns the unpacked folder."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder)]
    subprocess.run([*pip, str(ROOT)], check=True)
    (built,) = folder.glob("*.whl")
    unpack = [sys.executable, "-m", "wheel", "unpack", "--dest", str(folder), str(built)]
    subprocess.run(unpack, check=True, stdout=subprocess.DEVNULL)
    (unpacked,) = (p for p in folder.iterdir() if p.is_dir())
    return unpacked


def pack(platform: Platform, pure: Path, out: Path) -> Path:
    """Pack the Python part with a platform's libraries; returns the wheel."""
    with tempfile.TemporaryDirectory(prefix="pullfocus-") as folder:
        tree = Path(folder) / pure.name
        shutil.copytree(pure, tree)
        compile_libraries(platform, tree)
        (facts,) = tree.glob("*.dist-info/WHEEL")
        lines = [line for line in facts.read_text().splitlines() if line]
        lines = [line for line in lines if not line.startswith(("Tag:", "Root-Is-Purelib:"))]
        tags = [f"Tag: py3-none-{tag}" for tag in platform.tag.split(".")]
        facts.write_text("\n".join([*lines, "Root-Is-Purelib: false", *tags, ""]))
        done = Path(folder) / "done"
        done.mkdir()
        packing = [sys.executable, "-m", "wheel", "pack", "--dest-dir", str(done), str(tree)]
        subprocess.run(packing, check=True, stdout=subprocess.DEVNULL)
        (wheel,) = done.glob("*.whl")
        out.mkdir(parents=True, exist_ok=True)
        beside = out / f".{wheel.name}"
        shutil.copyfile(wheel, beside)
        return Path(beside.replace(out / wheel.name))


def main() -> None:
    """Build the wheels that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=", ".join(PLATFORMS))
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    unknown = sorted(set(options.platforms) - set(PLATFORMS))
    if unknown:
        parser.error(f"expected platforms among {', '.join(PLATFORMS)}, got {unknown[0]}")
    names = options.platforms or list(PLATFORMS)
    with tempfile.TemporaryDirectory(prefix="pullfocus-") as folder:
        pure = pure_wheel(Path(folder))
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for wheel in threads.map(lambda n: pack(PLATFORMS[n], pure, options.out), names):
                print(f"{wheel}  {wheel.stat().st_size / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    main()
