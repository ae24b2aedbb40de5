# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from pullfocus.roto.outline import overlap, signed_distance
from pullfocus.roto.rematte import again, better_where, exact_frames
from pullfocus.roto.settings import FollowSettings
from pullfocus.shot import Shot

SHAPE, RADIUS = (120, 160), 3.0


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Plate, front, behind (h, w, 3) linear, and the true matte, drawn without our blur."""
    rng = np.random.default_rng(seed)
    front, behind = (
        cv2.GaussianBlur(rng.random((*SHAPE, 3)), (0, 0), 4) * 2 * np.array(tint)
        for tint in ((0.9, 0.4, 0.3), (0.4, 0.6, 0.4))
    )
    matte = np.zeros(SHAPE, np.float32)
    cv2.ellipse(matte, (80, 60), (40, 28), 15, 0, 360, 1.0, -1)
    y, x = np.mgrid[-4:5, -4:5]
    disc = (np.hypot(x, y) <= RADIUS).astype(np.float64)
    alpha = cv2.filter2D(matte.astype(np.float64), -1, disc / disc.sum())[..., None]
    plate = alpha * front + (1 - alpha) * behind + rng.normal(0, 0.002, (*SHAPE, 3))
    return *(one.astype(np.float32) for one in (plate, front, behind)), matte


def run(plate, front, behind, given: np.ndarray):  # type: ignore[no-untyped-def]
    nothing = np.zeros(SHAPE, bool)
    return again(plate, front, behind, signed_distance(given), RADIUS, nothing, FollowSettings())


@pytest.mark.parametrize("grow", [-3, 3])
def test_a_matte_that_is_off_comes_nearer(grow: int) -> None:
    plate, front, behind, truth = scene()
    side = 2 * abs(grow) + 1
    change = cv2.dilate if grow > 0 else cv2.erode
    given = change(truth, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    found = run(plate, front, behind, given)
    before, after = overlap(given, truth), overlap(found.outline > 0, truth)
    assert after > before + 0.6 * (1 - before)
    assert found.share > 0.5
    assert found.sums[1] < 0.5 * found.sums[0]


def test_an_exact_matte_stays() -> None:
    plate, front, behind, truth = scene()
    found = run(plate, front, behind, truth)
    assert overlap(found.outline > 0, truth) > 0.985
    assert found.sums[1] <= found.sums[0]


def test_layers_that_explain_nothing_change_nothing_for_the_worse() -> None:
    plate, _, _, truth = scene()
    rng = np.random.default_rng(4)
    wrong = rng.random((2, *SHAPE, 3)).astype(np.float32)
    found = run(plate, wrong[0], wrong[1], truth)
    assert found.sums[1] <= found.sums[0]
    assert overlap(found.outline > 0, truth) > 0.9


def test_a_little_better_is_not_better() -> None:
    old = np.full((40, 40), 1.0, np.float32)
    band = np.ones((40, 40), bool)
    assert better_where(old, 0.95 * old, band).max() == 0
    assert better_where(old, 0.5 * old, band).min() == 1
    assert better_where(1e-9 * old, 0 * old, band).max() == 0  # nothing to explain


def test_keys_are_found_by_their_numbers() -> None:
    shot = Shot(
        name="a", frames=(1001, 1002, 1005), width=4, height=4, rate=None, pixel_aspect=1.0,
        colorspace="", plate=None,
    )  # fmt: skip
    assert exact_frames(shot, {"fg": frozenset({1005, 1009})}) == {"fg": frozenset({2})}
