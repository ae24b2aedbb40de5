# SPDX-License-Identifier: Apache-2.0
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest
from pullfocus.shot import FrameSource, Shot


class Flat:
    def __init__(self, key):
        self.key = key

    def read(self, index: int) -> np.ndarray:
        return np.zeros((2, 3, 3), np.float32)

    def describe(self) -> str:
        return "flat"

    def fingerprint(self) -> str:
        return self.key


@pytest.fixture
def shot():
    plate: FrameSource = Flat("plate")
    return Shot(
        name="a",
        frames=(1, 2),
        width=3,
        height=2,
        rate=Fraction(24),
        pixel_aspect=1.0,
        colorspace="ACEScg",
        plate=plate,
    )


def test_layers(shot):
    assert shot.layer_names == ("bg",)
    two = replace(shot, mattes=(("near", Flat("a")), ("mid", Flat("b"))))
    assert two.layer_names == ("near", "mid", "bg")


def test_a_shot_does_not_change(shot):
    with pytest.raises(FrozenInstanceError):
        shot.width = 4


def test_fingerprint_ignores_what_does_not_touch_pixels(shot):
    assert replace(shot, name="b", notes=("said",)).fingerprint() == shot.fingerprint()


@pytest.mark.parametrize(
    "change",
    [
        {"frames": (1, 3)},
        {"width": 4},
        {"colorspace": "scene_linear"},
        {"plate": Flat("other")},
        {"mattes": (("fg", Flat("m")),)},
        {"coc": Flat("c")},
        {"pixel_aspect": 2.0},
    ],
)
def test_fingerprint_follows_what_does(shot, change):
    assert replace(shot, **change).fingerprint() != shot.fingerprint()


def test_order_of_mattes_counts(shot):
    pair = (("a", Flat("1")), ("b", Flat("2")))
    assert (
        replace(shot, mattes=pair).fingerprint() != replace(shot, mattes=pair[::-1]).fingerprint()
    )
