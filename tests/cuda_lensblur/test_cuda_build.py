# SPDX-License-Identifier: Apache-2.0
"""The CUDA lens blur compiles for the GPUs in use, and a build that fails does no harm."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from cuda_lensblur import BuildError, build, cuda

CAPABILITIES = (75, 80, 86, 89, 90)
needs_nvcc = pytest.mark.skipif(cuda.find_nvcc() is None, reason="nvcc was not found")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no library remembered from another."""
    monkeypatch.setenv("PULLFOCUS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cuda, "build_cuda_library", cuda.build_cuda_library.__wrapped__)
    return tmp_path / "cache"


@pytest.fixture
def quick_nvcc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that only copies a library, notes each time in `runs`, and hangs while `hang` is.

    Returns its folder.
    """
    compiler = build.find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler for the library that is copied")
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "library.cpp").write_text(
        'extern "C" const char* lensblur_cuda_error(int) { return ""; }\n'
    )
    made = ("-shared", "-fPIC", folder / "library.cpp", "-o", folder / "library.so")
    subprocess.run([compiler, *made], check=True)
    script = folder / "nvcc"
    script.write_text(
        "#!/bin/sh\n"
        'here=$(dirname "$0")\n'
        'if [ "$1" = --version ]; then echo quick; exit; fi\n'
        'echo "$@" >> "$here/runs"\n'
        'if [ -e "$here/hang" ]; then exec sleep 60; fi\n'
        'for last; do :; done\ncp "$here/library.so" "$last"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CUDACXX", str(script))
    return folder


@needs_nvcc
def test_it_compiles_for_every_gpu_in_use_without_a_warning(tmp_path: Path) -> None:
    nvcc = cuda.find_nvcc()
    strict = ("-Werror", "all-warnings", "-Xcompiler", "-Wextra,-Werror")
    architectures = [f"-gencode=arch=compute_{c},code=sm_{c}" for c in CAPABILITIES]
    target = tmp_path / "kernels.so"
    run = subprocess.run(
        [
            nvcc,
            *cuda.NVCC_FLAGS,
            *strict,
            "--threads=2",
            *architectures,
            "-shared",
            *cuda.SOURCES,
            "-o",
            target,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "warning" not in run.stdout + run.stderr
    held = target.read_bytes()
    assert all(f"-arch sm_{c} ".encode() in held for c in CAPABILITIES)


@needs_nvcc
def test_the_library_loads_and_without_a_gpu_says_so(cache: Path) -> None:
    library = cuda.build_cuda_library(80)
    assert [p.suffix for p in cache.iterdir()] == [".so"]
    if torch.cuda.is_available():
        pytest.skip("there is a GPU: the rest is about having none")
    image, planes = torch.ones(1, 3, 4, 5), [torch.ones(1, 4, 5)] * 3
    with pytest.raises(RuntimeError, match="the CUDA lens blur could not be launched"):
        cuda.run_forward(library, image, planes, 0, 2.0, stream=0)


def test_a_library_is_built_once_for_each_capability(cache: Path, quick_nvcc: Path) -> None:
    for capability in (80, 80, 90, 80):
        cuda.build_cuda_library(capability)
    runs = (quick_nvcc / "runs").read_text().splitlines()
    assert ["sm_80" in run for run in runs if "-shared" in run] == [True, False]
    assert len(runs) == 2 * (1 + len(cuda.SOURCES))
    assert len(list(cache.iterdir())) == 2  # and no build folder is left


@pytest.mark.skipif(os.name != "posix", reason="kills a process group")
def test_a_killed_build_is_nothing_that_later_ones_wait_for(cache: Path, quick_nvcc: Path) -> None:
    (quick_nvcc / "hang").touch()
    code = "from cuda_lensblur import cuda; cuda.build_cuda_library(80)"
    killed = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while not (quick_nvcc / "runs").exists():
        assert killed.poll() is None
        time.sleep(0.05)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert list(cache.glob("build-*"))  # what it left behind
    (quick_nvcc / "hang").unlink()
    cuda.build_cuda_library(80)


def test_a_failed_build_shows_the_compilers_words(
    cache: Path, quick_nvcc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (quick_nvcc / "library.so").unlink()
    with pytest.raises(BuildError, match=r"the compiler's words are in .*\.log"):
        cuda.build_cuda_library(80)
    (log,) = cache.iterdir()
    assert "cp: " in log.read_text()


def test_without_nvcc_the_error_says_what_to_install(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BuildError, match=r"nvcc was not found .* install the CUDA toolkit"):
        cuda.build_cuda_library(80)
    assert not cache.exists()
