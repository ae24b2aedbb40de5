# SPDX-License-Identifier: Apache-2.0
"""Every platform links; what can be run here runs: this machine's wheel where there is no compiler,
the Linux library for aarch64 under qemu-user, that for Windows under wine. Libraries for macOS are
looked at: their symbols, and what they want loaded.
"""

import os
import platform
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from cuda_lensblur import native, scatter_blur
from cuda_lensblur.build import KERNELS
from cuda_lensblur.specs import kernel_of, spec_of
from cuda_lensblur.table import COARSE_STEP_PX
from cuda_lensblur.tables import table_for
from wheels.build import PLATFORMS

ROOT = Path(__file__).parents[2]
ARM_LIBRARIES = Path("/usr/aarch64-linux-gnu")  # Debian's libc6-arm64-cross

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, ROOT / "wheels/build.py", "--out", out], check=True)
    found = {name: list(out.glob(f"*{p.tag}.whl")) for name, p in PLATFORMS.items()}
    assert all(len(paths) == 1 for paths in found.values())
    return {name: paths[0] for name, paths in found.items()}


def unpacked(wheel: Path, folder: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def library(folder: Path) -> Path:
    (path,) = (folder / "cuda_lensblur/kernels").glob("lensblur.*")
    return path


def recorded(path: Path) -> Path:
    """Write a blur and its gradients by this machine's own kernel, which other tests check."""
    random = torch.Generator().manual_seed(4)
    image = torch.rand(5, 70, 150, generator=random, requires_grad=True)
    columns = torch.linspace(0, 45, 150).expand(70, 150)
    radius = (columns + torch.rand(70, 150, generator=random)).requires_grad_()
    grad = torch.randn(image.shape, generator=random)
    out = scatter_blur(image, radius)
    to_image, to_radius = torch.autograd.grad(out, (image, radius), grad)
    kernel = kernel_of(spec_of("soap_bubble", beta=2.0, calibrated=True))
    table = table_for(kernel, 46.0, flats=True)
    sizes = np.array([*image.shape, table.knee, table.mirrored], np.int64)
    steps = np.array([table.fine_step, COARSE_STEP_PX], np.float32)
    tensors = (image, radius, grad, out, to_image, to_radius)
    arrays = [sizes, steps, table.weights, table.changes, table.centre, table.extent, table.flat]
    arrays += [table.inner, *(t.detach().numpy() for t in tensors)]
    with path.open("wb") as file:
        for array in arrays:
            file.write(struct.pack("<q", array.size))
            file.write(np.ascontiguousarray(array).tobytes())
    return path


def run_harness(name: str, wheel: Path, folder: Path, runner: list[str]) -> str:
    """Run a platform's library on recorded numbers; returns the instruction set it chose."""
    if native.native_library() is None:
        pytest.skip("no C++ compiler: there is nothing to compare with")
    program = folder / "harness.exe"
    command = [sys.executable, "-m", "ziglang", "c++", "-target", PLATFORMS[name].target, "-O1"]
    source = Path(__file__).with_name("harness.cpp")
    flags = [f"-I{KERNELS}", "-std=c++17", str(source), "-o", str(program)]
    subprocess.run([*command, *flags], check=True)
    lensblur = library(unpacked(wheel, folder / "wheel"))
    numbers = recorded(folder / "numbers.bin")
    shutil.copy(lensblur, folder)  # paths without folders: wine has its own
    run = subprocess.run(
        [*runner, program.name, f"./{lensblur.name}", numbers.name],
        cwd=folder,
        env=os.environ | {"WINEPREFIX": str(folder / "wine"), "WINEDEBUG": "-all"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    isa, *errors = run.stdout.split()
    assert all(float(error) < 1e-5 for error in errors), run.stdout
    return isa


def test_all_platforms_are_whole(wheels: dict[str, Path]) -> None:
    for name, wheel in wheels.items():
        names = zipfile.ZipFile(wheel).namelist()
        suffix = PLATFORMS[name].suffix
        for wanted in (
            f"cuda_lensblur/kernels/lensblur{suffix}",
            f"pullfocus/native/solver{suffix}",
            "cuda_lensblur/kernels/scatter_cuda.cu",
            "cuda_lensblur/kernels/scatter_table.cu",
            "pullfocus/hosts/blender/blender_manifest.toml",
            "pullfocus/hosts/nuke/gizmos/PullFocus.gizmo",
            "pullfocus/hosts/nuke/pullfocus_nuke/kernels/scatter.blink",
        ):
            assert wanted in names, (name, wanted)


@pytest.mark.skipif(platform.system() != "Linux", reason="runs the wheels for Linux")
def test_the_wheel_runs_where_path_holds_no_compiler(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    wheel = wheels[f"linux-{platform.machine()}"]
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site]
    subprocess.run([*install, wheel], check=True)
    script = (
        "import torch, cuda_lensblur, pullfocus.native\n"
        "from cuda_lensblur import kernel_info, scatter_blur\n"
        "print(cuda_lensblur.__file__, pullfocus.__file__)\n"
        "print(kernel_info())\n"
        "out = scatter_blur(torch.ones(1, 64, 64), torch.full((64, 64), 5.0))\n"
        "assert abs(float(out[0, 32, 32]) - 1) < 1e-4\n"
        "assert pullfocus.native.native_function('sample_forward') is not None\n"
    )
    cache = tmp_path / "cache"
    environment = {"PATH": "", "PYTHONPATH": str(site), "PULLFOCUS_CACHE": str(cache)}
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,  # not where a checkout would be found first
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    files, kernel = run.stdout.splitlines()
    assert files.count(str(site)) == 2
    assert kernel.startswith("native CPU kernel")
    assert not cache.exists()  # nothing was compiled


@pytest.mark.skipif(shutil.which("qemu-aarch64") is None, reason="no qemu-user")
@pytest.mark.skipif(not ARM_LIBRARIES.exists(), reason="no libc6-arm64-cross")
def test_the_library_for_aarch64_runs_under_qemu(wheels: dict[str, Path], tmp_path: Path) -> None:
    runner = ["qemu-aarch64", "-L", str(ARM_LIBRARIES)]
    assert run_harness("linux-aarch64", wheels["linux-aarch64"], tmp_path, runner) == "generic"


@pytest.mark.skipif(shutil.which("wine") is None, reason="no wine")
def test_the_library_for_windows_runs_under_wine(wheels: dict[str, Path], tmp_path: Path) -> None:
    isa = run_harness("windows-x86_64", wheels["windows-x86_64"], tmp_path, ["wine"])
    assert isa == native.native_isa()


@pytest.mark.parametrize("name", ["macos-arm64", "macos-x86_64"])
def test_libraries_for_macos_have_their_symbols_and_want_the_system_alone(
    wheels: dict[str, Path], tmp_path: Path, name: str
) -> None:
    folder = unpacked(wheels[name], tmp_path)
    held = library(folder).read_bytes()
    magic, cpu = struct.unpack_from("<II", held)
    assert magic == 0xFEEDFACF  # a 64-bit Mach-O
    assert cpu == (0x0100000C if name == "macos-arm64" else 0x01000007)
    assert {b"/usr/lib/libSystem.B.dylib"} == set(loaded(held))
    solver = (folder / "pullfocus/native/solver.dylib").read_bytes()
    for symbol in (b"_lensblur_forward", b"_lensblur_backward", b"_lensblur_isa"):
        assert symbol + b"\0" in held
    for symbol in (b"_sample_forward_generic", b"_ms_ssim_generic"):
        assert symbol + b"\0" in solver


def loaded(macho: bytes) -> list[bytes]:
    """Return the paths of the load commands LC_LOAD_DYLIB of a 64-bit Mach-O."""
    (count,) = struct.unpack_from("<I", macho, 16)
    at, paths = 32, []
    for _ in range(count):
        command, size = struct.unpack_from("<II", macho, at)
        if command == 0xC:
            (name,) = struct.unpack_from("<I", macho, at + 8)
            paths.append(macho[at + name : at + size].rstrip(b"\0"))
        at += size
    return paths
