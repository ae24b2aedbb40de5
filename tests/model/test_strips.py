# SPDX-License-Identifier: Apache-2.0
import threading

import numpy as np
import pytest
import torch
from pullfocus.model import strips
from pullfocus.model.grid import Box
from pullfocus.model.strips import in_strips


@pytest.mark.parametrize("height", [0, 1, 63, 64, 65, 300])
def test_strips_cover_a_box_once_and_without_gradients(height: int) -> None:
    box, found = Box(-3, -7, 11, height, 1), np.zeros((height, 11), int)

    def work(strip: Box) -> None:
        assert not torch.is_grad_enabled()
        found[strip.inside(box)] += 1

    in_strips(box, work)
    assert (found == 1).all()


def test_threads_share_the_strips_and_torch_keeps_its_own() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seen, both = set(), threading.Barrier(2, timeout=20)

        def work(strip: Box) -> None:
            assert torch.get_num_threads() == 1
            seen.add(threading.get_ident())
            both.wait()  # two strips are worked on at once

        in_strips(Box(0, 0, 4, 128), work)
        assert len(seen) == 2
        assert torch.get_num_threads() == 2
        one = set()
        torch.set_num_threads(1)
        in_strips(Box(0, 0, 4, 300), lambda strip: one.add(threading.get_ident()))
        assert one == {threading.get_ident()}
    finally:
        torch.set_num_threads(before)


def test_what_a_strip_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        in_strips(Box(0, 0, 4, 10 * strips._ROWS), lambda strip: 1 // (strip.top % 128))
