# SPDX-License-Identifier: Apache-2.0
import os
from dataclasses import replace

import numpy as np
import pytest
from pullfocus.errors import SolveError
from pullfocus.observe.proxy import automatic_width, proxied, proxy_size
from pullfocus.observe.scale import Scale
from pullfocus.plate.colour import display_to_linear

from tests.solve import drawn


@pytest.fixture
def observed(tmp_path):
    shot = drawn.shot([(slice(16, 48), slice(32, 64))], [[2.0] * 6, [4.0] * 6], coc=True)
    motion = shot.motion.copy()
    motion[:, :, 0, 2] = 3.0
    return replace(shot, motion=motion, folder=tmp_path)


def test_a_proxy_shows_the_same_picture_in_fewer_pixels(observed):
    small = proxied(observed, 48)
    assert (small.width, small.height) == (48, 32)
    assert small.plate.shape == (drawn.COUNT, 32, 48, 3)
    whole = display_to_linear(observed.plate_display(2)).reshape(32, 2, 48, 2, 3).mean((1, 3))
    np.testing.assert_allclose(display_to_linear(small.plate_display(2)), whole, atol=2e-3)
    np.testing.assert_array_equal(small.matte(0, 1)[8:24, 16:32], 1)
    assert small.matte(0, 1).sum() == 16 * 16
    assert small.coc_radius_px(0)[0, 0] == pytest.approx(2.0)
    assert small.coc_radius_px(0)[16, 24] == pytest.approx(1.0)


def test_motion_joins_the_same_places(observed):
    small, up = proxied(observed, 32), Scale.between((32, 21), (96, 64)).to_plate()
    there = small.motion[0, 1] @ [5.0, 7.0, 1.0]
    np.testing.assert_allclose(up @ there, observed.motion[0, 1] @ up @ [5.0, 7.0, 1.0])
    assert there[0] == pytest.approx(6.0)


def test_frames_are_made_once_and_a_broken_start_leaves_nothing(observed, tmp_path):
    def stop(stage, done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        proxied(observed, 48, report=stop)
    assert not list(tmp_path.iterdir())
    first = proxied(observed, 48)
    again = proxied(observed, 48, report=stop)
    np.testing.assert_array_equal(first.plate, again.plate)


def test_a_folder_that_cannot_be_written_is_said(observed, tmp_path):
    with pytest.raises(SolveError, match="cannot write the proxy"):
        proxied(replace(observed, folder=tmp_path / "gone"), 48)


def test_large_plates_get_a_proxy_by_themselves():
    assert [automatic_width(w) for w in (512, 799, 800, 1920, 3840)] == [0, 0, 640, 640, 640]
    assert proxy_size((1998, 1080), 640) == (640, 346)


def test_what_a_killed_run_left_is_cleared_once_it_is_old(observed, tmp_path):
    old, new = tmp_path / ".proxy-old", tmp_path / ".proxy-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (1e9, 1e9))
    proxied(observed, 48)
    assert not old.exists()
    assert new.exists()  # of another run, perhaps at work
