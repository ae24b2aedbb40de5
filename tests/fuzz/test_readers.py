# SPDX-License-Identifier: Apache-2.0
"""A million spoilt files and names: no traceback, no crash, no endless loop, bounded memory."""

import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("fuzz_readers.py")
MILLION = {
    "names": 250_000,
    "passes": 200_000,
    "settings": 100_000,
    "exr": 120_000,
    "png": 100_000,
    "jpg": 60_000,
    "dpx": 60_000,
    "tif": 40_000,
    "mov": 10_000,
    "webm": 10_000,
    "palette": 20_000,
    "crypto": 10_000,
    "profile": 5_000,
    "tensors": 10_000,
    "paint": 5_000,
}


def fuzz(target, count, seed, limit_s):
    done = subprocess.run(
        [sys.executable, str(HARNESS), target, str(count), str(seed)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=limit_s,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-1500:]}\n{done.stderr[-1500:]}"


def test_the_million_is_one():
    assert sum(MILLION.values()) == 1_000_000


@pytest.mark.parametrize("target", ["exr", "png", "jpg", "mov", "names", "passes"])
def test_a_few_spoilt_inputs(target):
    fuzz(target, 150, 0, 120)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("target", "count"), MILLION.items())
def test_a_million_spoilt_inputs(target, count):
    fuzz(target, count, 1, 7000)
