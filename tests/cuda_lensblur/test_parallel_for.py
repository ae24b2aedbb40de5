# SPDX-License-Identifier: Apache-2.0
"""The loop over cores: what it computes does not depend on how many there are, and it sleeps."""

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from cuda_lensblur import native, scatter_blur

pytestmark = pytest.mark.skipif(
    native.native_library() is None, reason="no C++ compiler: the native kernel cannot be built"
)


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def blurred(seed: int) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    image = torch.rand(5, 61, 90, generator=random, requires_grad=True)
    radius = (9 * torch.rand(61, 90, generator=random)).requires_grad_()
    out = scatter_blur(image, radius)
    return [out.detach(), *torch.autograd.grad((out**2).sum(), (image, radius))]


def test_any_number_of_threads_gives_the_same_to_the_bit() -> None:
    torch.set_num_threads(1)
    alone = blurred(3)
    for threads in (2, 3, 7):
        torch.set_num_threads(threads)
        for found, expected in zip(blurred(3), alone, strict=True):
            assert torch.equal(found, expected)


def test_callers_at_the_same_time_do_not_disturb_each_other() -> None:
    torch.set_num_threads(3)
    expected = [blurred(seed) for seed in range(4)]
    found: dict[int, list[torch.Tensor]] = {}

    def work(seed: int) -> None:
        for _ in range(10):
            found[seed] = blurred(seed)

    callers = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    for seed in range(4):
        for one, other in zip(found[seed], expected[seed], strict=True):
            assert torch.equal(one, other)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_fork_that_inherits_no_helpers_computes_all_the_same() -> None:
    script = (
        "import os, torch\n"
        "from cuda_lensblur import scatter_blur\n"
        "torch.set_num_threads(2)\n"
        "image, radius = torch.rand(2, 40, 50), torch.full((40, 50), 3.0)\n"
        "before = scatter_blur(image, radius)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if torch.equal(scatter_blur(image, radius), before) else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=250)


def test_helpers_sleep_when_there_is_nothing_to_do() -> None:
    torch.set_num_threads(4)
    blurred(0)

    def cpu_s() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    before = cpu_s()
    time.sleep(0.5)
    assert cpu_s() - before < 0.1
