# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus.errors import MatteError, PullfocusError
from pullfocus.roto.found import MatteRequest
from pullfocus.roto.keys import parse_mark, read_mark

FRAMES, WIDTH, HEIGHT = range(1001, 1011), 40, 30


def picture(path: Path, values: np.ndarray) -> Path:
    cv2.imwrite(str(path), values.astype(np.uint8))
    return path


def read(kind, value, frame=1005):
    mark = parse_mark(kind, f"fg:{frame}={value}", layer=None)
    return read_mark(mark, frames=FRAMES, width=WIDTH, height=HEIGHT)


def test_bad_keys_get_one_line(tmp_path: Path) -> None:
    half = np.zeros((HEIGHT, WIDTH))
    half[:, :20] = 255
    good = picture(tmp_path / "good.png", half)
    assert read("key", good).planes[0].mean() == 0.5
    cases = [
        (lambda: read("key", good, 2000), "expected a frame of 1001-1010, got 2000"),
        (lambda: read("key", tmp_path / "none.png"), "found no file"),
        (lambda: read("key", picture(tmp_path / "e.png", half * 0)), "got an empty one"),
        (lambda: read("key", picture(tmp_path / "f.png", half * 0 + 255)), "of the whole frame"),
        (lambda: read("key", picture(tmp_path / "s.png", half[:9])), "40x9, expected 40x30"),
        (lambda: read("scribble", picture(tmp_path / "g.png", half * 0 + 128)), "white stroke"),
        (lambda: read("box", "1,2,3"), "expected x,y,width,height"),
        (lambda: read("box", "inf,0,5,5"), "expected x,y,width,height"),
        (lambda: read("box", "0,0,40,30"), "got the whole frame"),
        (lambda: read("box", "38,0,40,30"), "at least 4 px"),
        (lambda: read("box", "9,9,-4,5"), "at least 4 px"),
        (lambda: parse_mark("key", "roto.png", layer="fg"), "expected --key 1016=roto.png"),
        (lambda: parse_mark("key", "1=roto.png", layer=None), "expected --key fg:1016=roto.png"),
    ]
    for call, said in cases:
        with pytest.raises(MatteError, match=said) as raised:
            call()
        assert "\n" not in str(raised.value)


def test_boxes_are_cut_to_the_frame() -> None:
    assert read("box", "-5,-5,20,20").box == (0, 0, 15, 15)


def test_strokes_on_grey_say_both_on_black_only_one(tmp_path: Path) -> None:
    grey = np.full((HEIGHT, WIDTH), 128)
    grey[5:8, 5:20], grey[20:22, 5:20] = 255, 0
    inside, outside = read("scribble", picture(tmp_path / "a.png", grey)).planes
    assert (inside.sum(), outside.sum()) == (45, 30)
    black = np.where(grey == 255, 255, 0)
    inside, outside = read("scribble", picture(tmp_path / "b.png", black)).planes
    assert (inside.sum(), outside.sum()) == (45, 0)


def test_requests_refuse_what_contradicts() -> None:
    with pytest.raises(MatteError, match="expected one mark, got two"):
        MatteRequest.parsed(key=["fg:1=a.png"], box=["fg:1=1,1,9,9"])
    with pytest.raises(MatteError, match="expected no mark"):
        MatteRequest.parsed(key=["fg:1=a.png"], auto=["fg"])
    with pytest.raises(PullfocusError, match="layer name"):
        MatteRequest.parsed(key=["Ä:1=a.png"])
    many = MatteRequest.parsed(key=["b:1=a.png", "1=c.png", "b:2=d.png"], default_layer="fg")
    assert many.layers == ("b", "fg")
