# SPDX-License-Identifier: Apache-2.0
"""Compiles a Blink kernel's own text with a C++ compiler and runs it on arrays."""

import ctypes
import hashlib
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

SHIM = Path(__file__).with_name("blink_shim.h")
# Words that a C++ compiler takes and Blink does not, or that its GPU side lacks.
FORBIDDEN = r"\*\s*\w+\s*=\s*&|\bnew\b|\bstd\b|\bdouble\b|#|\bauto\b|\bstatic\b|->|\bsmoothstep\b"


def compiler() -> str | None:
    return shutil.which("g++") or shutil.which("clang++")


class BlinkKernel:
    """One kernel; images are (h, w, 4) float32, rows from the top."""

    def __init__(self, text: str) -> None:
        self.name = re.search(r"\bkernel\s+(\w+)", text)[1]
        images = re.findall(r"Image<[^>]*>\s+(\w+);", text)
        self.inputs = len(images) - 1
        self.parameters = dict(
            re.findall(r'defineParam\(\s*\w+\s*,\s*"([^"]*)"\s*,\s*([^;]*)\)\s*;', text)
        )
        self._library = ctypes.CDLL(str(_built(text, self.name, images)))
        self._library.define_kernel()
        self._library.set_float.argtypes = [ctypes.c_char_p, ctypes.c_float]

    def __call__(self, *images: np.ndarray, **values: float) -> np.ndarray:
        assert len(images) == self.inputs
        height, width = images[0].shape[:2]
        self._library.define_kernel()
        for label, value in values.items():
            name = label.encode()
            known = self._library.set_float(name, float(value)) or self._library.set_int(
                name, int(value)
            )
            assert known, f"{self.name} has no parameter {label}"
        held = [np.ascontiguousarray(image[::-1], np.float32) for image in images]
        held.append(np.zeros((height, width, 4), np.float32))
        pointers = (ctypes.c_void_p * len(held))(*(image.ctypes.data for image in held))
        self._library.run_kernel(pointers, width, height)
        return held[-1][::-1].copy()


def _built(text: str, name: str, images: list[str]) -> Path:
    digest = hashlib.sha256((SHIM.read_text() + text).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"pullfocus_blink_{digest}"
    library = folder / f"{name}.so"
    if library.exists():
        return library
    folder.mkdir(exist_ok=True)
    source = folder / f"{name}.blink"
    source.write_text(text)
    lay = " ".join(f"LAY({image})" for image in images)
    fresh = folder / f"{name}.{id(images)}.so"
    subprocess.run(
        [
            compiler(),
            "-x",
            "c++",
            "-std=c++17",
            "-O3",
            "-march=native",
            "-ffp-contract=off",
            "-shared",
            "-fPIC",
            "-Wall",
            "-Werror",
            "-Wno-unused",
            f'-DKERNEL_TEXT="{source}"',
            f"-DKERNEL_NAME={name}",
            f"-DKERNEL_IMAGES={lay}",
            str(SHIM),
            "-o",
            str(fresh),
        ],
        check=True,
        timeout=120,
    )
    fresh.replace(library)
    return library
