# SPDX-License-Identifier: Apache-2.0
"""Where a scene that stands still has what a frame hides, against cameras before known depth."""

import numpy as np
from pullfocus.model.still_scene import Seen, fit_still_scene

FRAMES, ROWS, COLUMNS = 9, 14, 24


def scene(*, moves: float = 0.0) -> tuple[Seen, np.ndarray]:
    """A camera that slides and turns before a wall and a floor, seen from above an atlas.

    Its frames hide a box that wanders; places of the atlas lie a little beside their own.
    """
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(float)
    near = np.where(y > 8, 0.3 * (y - 8), 0.0)  # inverse depth beyond the wall's
    place = np.stack([x / COLUMNS, y / COLUMNS])
    beside = np.stack([0.4 * np.sin(x / 5), 0.3 * np.cos(y / 4)])
    moved = np.empty((FRAMES, 2, ROWS, COLUMNS))
    weight = np.ones((FRAMES, ROWS, COLUMNS))
    to_px = np.empty((FRAMES, 2, 2, ROWS, COLUMNS))
    for t in range(FRAMES):
        turn = 0.02 * rng.normal()
        to_px[t] = np.array([[1, turn], [-turn, 1]])[:, :, None, None] * (1 + 0.03 * t)
        slid, shaken = rng.normal(0, 1.5, 2), rng.normal(0, 0.5, (2, 3))
        homography = np.einsum("ck,khw->chw", shaken, np.stack([np.ones_like(x), *place]))
        moved[t] = np.einsum("ikhw,khw->ihw", to_px[t], beside)
        moved[t] += homography + slid[:, None, None] * near
        moved[t] += moves * rng.normal(0, 1, (2, ROWS, COLUMNS))
        weight[t, 4:12, 2 + 2 * t : 7 + 2 * t] = 0
    places = np.broadcast_to(place, (FRAMES, 2, ROWS, COLUMNS))
    return Seen(moved, weight, to_px, places, cell_px=6.4), moved


def test_what_frames_hide_lies_where_the_others_say() -> None:
    seen, moved = scene()
    hidden = np.broadcast_to(seen.weight[:, None] == 0, moved.shape)
    spoiled = np.where(hidden, 99.0, moved)  # nobody looks there
    found = fit_still_scene(Seen(spoiled, seen.weight, seen.to_px, seen.place, seen.cell_px))
    off = (found.moved - moved)[hidden]
    assert float(np.sqrt(np.square(off).mean())) < 0.08  # px, of 1.5 that the floor slides by
    assert found.error_px < 0.05


def test_a_scene_that_moves_is_told_by_its_error() -> None:
    seen, _ = scene(moves=1.0)
    assert 0.7 < fit_still_scene(seen).error_px < 1.1


def test_the_size_of_its_grid_does_not_matter() -> None:
    seen, _ = scene()
    fine = fit_still_scene(seen)
    coarse = fit_still_scene(
        Seen(
            seen.moved[..., ::2, ::2],
            seen.weight[..., ::2, ::2],
            seen.to_px[..., ::2, ::2],
            seen.place[..., ::2, ::2],
            cell_px=2 * seen.cell_px,
        )
    )
    off = fine.moved[..., ::2, ::2] - coarse.moved
    assert float(np.sqrt(np.square(off).mean())) < 0.1
