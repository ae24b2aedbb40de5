# SPDX-License-Identifier: Apache-2.0
"""A subject of the wall's own colours, told by nothing but its motion."""

import cv2
import numpy as np
import pytest
from pullfocus.roto.moved import Neighbour, flow_beside, moved_logit
from pullfocus.roto.outline import signed_distance

HEIGHT, WIDTH, STEP = 120, 200, 7


def frame(x: int) -> tuple[np.ndarray, np.ndarray]:
    """A disc at x on a wall, square-root light, and where the disc is."""
    rng = np.random.default_rng(2)

    def grain() -> np.ndarray:
        return cv2.GaussianBlur(rng.random((HEIGHT, WIDTH, 3), np.float32), (0, 0), 1.5)

    wall, skin = grain(), grain()
    inside = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(inside, (x, 60), 30, 1, -1)
    picture = np.where(inside[..., None] > 0, np.roll(skin, x, 1), wall)
    return (0.2 + 0.6 * picture).astype(np.float32), inside > 0


def step(x: int) -> np.ndarray:
    return np.array([[1.0, 0, x - 100], [0, 1, 0], [0, 0, 1]])


def beside(
    here: np.ndarray, other: np.ndarray, matrix: np.ndarray, shown: bool = True
) -> Neighbour:
    where = np.full((HEIGHT, WIDTH), shown)
    return Neighbour(other, where, matrix, *flow_beside(here, other))


def asked(outline: np.ndarray, xs: tuple[int, ...]) -> np.ndarray:
    here = frame(100)[0]
    return moved_logit(here, [beside(here, frame(x)[0], step(x)) for x in xs], outline)


def test_what_moves_by_itself_is_the_subject() -> None:
    _, inside = frame(100)
    outline = signed_distance(inside.astype(np.float32))
    said = asked(outline, (100 - STEP, 100 + STEP))
    assert np.median(said[outline > 4]) > 2
    assert said[outline < -4].max() < 0.5
    assert said[outline < -4].mean() < -0.2
    # a part of it that was lost is told all the same
    cut = outline.copy()
    cut[:, 118:] = -20
    assert np.median(asked(cut, (100 - STEP, 100 + STEP))[(outline > 4) & (cut < -4)]) > 1


@pytest.mark.parametrize("count", [1, 2], ids=["one side", "both, as it sways"])
@pytest.mark.parametrize("x", [100 - STEP, 100 + STEP])
def test_what_is_hidden_in_all_neighbours_is_not_told(x: int, count: int) -> None:
    _, inside = frame(100)
    _, hidden = frame(x)
    outline = signed_distance(inside.astype(np.float32))
    said = asked(outline, (x,) * count)
    uncovered = hidden & (outline < -3)
    assert uncovered.sum() > 100
    assert said[uncovered].max() <= 0


def test_a_frame_alone_says_nothing() -> None:
    _, inside = frame(100)
    outline = signed_distance(inside.astype(np.float32))
    here = frame(100)[0]
    nowhere = [beside(here, frame(100 + STEP)[0], np.eye(3), shown=False)]
    assert not moved_logit(here, nowhere, outline).any()
    assert not moved_logit(frame(100)[0], [], outline).any()


def test_a_sliver_that_stands_still_is_not_a_subject_that_runs() -> None:
    wall, _ = frame(-100)
    sliver = np.zeros((HEIGHT, WIDTH), np.float32)
    sliver[40:80, 196:] = 1
    outline = signed_distance(sliver)
    runs, stands = (
        moved_logit(
            wall, [beside(wall, wall, step(100 - by)), beside(wall, wall, step(100 + by))], outline
        )
        for by in (12, 0)
    )
    assert runs[outline > 0].mean() < -0.2
    assert np.abs(stands[outline > 0]).max() < 0.01
