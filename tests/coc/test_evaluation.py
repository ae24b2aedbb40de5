# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pullfocus.coc.evaluation import CONSTANT, Case, composed_cases, evaluate_coc
from pullfocus.errors import PullfocusError


def cases() -> Iterator[Case]:
    rng = np.random.default_rng(0)
    for radius in (1.0, 5.0):
        frame = rng.random((24, 32, 3)).astype(np.float32)
        yield Case(name=f"r {radius}", frame=frame, coc=np.full((24, 32), radius, np.float32))


def test_errors_are_root_mean_squares_over_all_pixels():
    found = evaluate_coc({"two": cases}, {"three": lambda f: np.full(f.shape[:2], 3.0)})
    assert found.rmse_px["two"][CONSTANT] == pytest.approx(2)
    assert found.rmse_px["two"]["three"] == pytest.approx(2)
    assert found.frames == {"two": 2}
    assert found.pictures["two"].shape[1] == 3 * 32
    row = next(line for line in found.table().splitlines() if line.startswith("three"))
    assert "2.00 / 4.00" in row


def test_an_empty_set_is_refused():
    with pytest.raises(PullfocusError, match="none: expected frames"):
        evaluate_coc({"none": lambda: iter(())}, {})


def test_held_out_pictures_are_the_same_every_time(tiles_folder: Path):
    first, second = (list(composed_cases(tiles_folder / "held", 2)) for _ in "ab")
    for one, other in zip(first, second, strict=True):
        assert (one.frame == other.frame).all()
        assert (one.coc == other.coc).all()
        assert one.frame.shape == (192, 192, 3)
