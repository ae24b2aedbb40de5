# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from pullfocus.coc.classical import gradient_ratio_coc

from cuda_lensblur import scatter_blur


def stripes(radius_px: float, size: int = 192) -> np.ndarray:
    """Wide bars through a lens, away from the border."""
    bars = np.zeros((3, size, size), np.float32)
    bars[:, :, size // 4 : size // 2] = 1
    bars[:, :, 3 * size // 4 :] = 1
    field = torch.full((size, size), radius_px)
    blurred = scatter_blur(torch.from_numpy(bars), field, kernel="disc", normalize="target")
    return np.ascontiguousarray(blurred.numpy().transpose(1, 2, 0))


@pytest.mark.parametrize("radius", [2.0, 4.0, 7.0])
def test_the_blur_of_lone_edges_is_read(radius):
    found = gradient_ratio_coc(stripes(radius))
    assert found.shape == (192, 192)
    # a disc is not the Gaussian that the method takes it for: wide ones read too wide
    assert abs(float(np.median(found[20:-20, 36:-36])) - radius) < 0.4 * radius + 0.5


def test_more_blur_reads_as_more():
    read = [float(gradient_ratio_coc(stripes(r)).mean()) for r in (0.0, 3.0, 6.0)]
    assert read[0] < read[1] < read[2]


def test_a_plain_frame_has_no_edges_to_read():
    assert (gradient_ratio_coc(np.full((32, 40, 3), 0.5, np.float32)) == 16).all()
