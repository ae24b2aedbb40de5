# SPDX-License-Identifier: Apache-2.0
"""The grid of a codec is found where it lies, told in one line, and stays out of a solve."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from pullfocus import cli
from pullfocus.observe.blocks import find_blocks, grid_profile
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.exr import read_exr

MARKET = Path(__file__).parents[1] / "clips" / "market"
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def packed(picture: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))


def market(quality: int | None = None, cut: tuple[int, int] = (0, 0)) -> np.ndarray:
    """The clip, (T, h, w, 3) display-encoded, compressed, cut by columns and rows after that."""
    frames = []
    for path in sorted(MARKET.glob("plate.*.png")):
        picture = np.asarray(cv2.imread(str(path)))
        picture = picture if quality is None else packed(picture, quality)
        frames.append(picture[cut[1] :, cut[0] :, ::-1].astype(np.float32) / 255)
    return np.stack(frames)


@pytest.mark.parametrize("quality", [60, 30, 15])
@pytest.mark.parametrize("cut", [(0, 0), (3, 6)])
def test_the_grid_is_found_where_it_lies(quality: int, cut: tuple[int, int]) -> None:
    blocks = find_blocks(market(quality, cut))
    assert blocks is not None
    assert (blocks.period, blocks.corner) == (8, (-cut[0] % 8, -cut[1] % 8))
    assert blocks.step > 1.2 * blocks.usual
    assert blocks.note().startswith(
        "plate: compressed in blocks of 8 px, counted as noise; their edges"
    )


def test_harder_compression_is_stronger() -> None:
    steps = [find_blocks(market(quality)) for quality in (60, 30, 15)]
    ratios = [one.step / one.usual for one in steps if one is not None]
    assert ratios == sorted(ratios)
    assert ratios[2] > 2 * ratios[0] - 1


def test_macroblocks_of_16() -> None:
    frames = market()
    coarse = [
        cv2.resize(
            cv2.resize(f, (16, 9), interpolation=cv2.INTER_AREA),
            (256, 144),
            interpolation=cv2.INTER_NEAREST,
        )
        for f in frames
    ]
    blocks = find_blocks(0.6 * frames + 0.4 * np.stack(coarse))
    assert blocks is not None
    assert (blocks.period, blocks.corner) == (16, (0, 0))


def test_nothing_else_is_a_grid(rng: np.random.Generator) -> None:
    clean = market()
    wall = np.zeros((64, 96, 3), np.float32)
    wall[(np.arange(64) % 8 == 0)] = 0.5  # courses of a wall: one way alone
    cases = {
        "market": clean,
        "noise": clean + rng.normal(0, 0.03, clean.shape).astype(np.float32),
        "small": clean[:, :48, :48],
        "black": np.zeros_like(clean),
        "a wall": np.repeat(wall[None], 4, 0),
    }
    assert {name: found for name, one in cases.items() if (found := find_blocks(one))} == {}


@pytest.mark.slow
def test_nothing_of_it_gets_into_the_layers(tmp_path: Path, capfd) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    for path in sorted(MARKET.glob("*.png")):
        part, number, _ = path.name.split(".")
        if int(number) > 10 or part not in ("plate", "alpha"):
            continue
        if part == "plate":
            picture = np.asarray(cv2.imread(str(path)))
            cv2.imwrite(str(clip / path.name), packed(picture, 30))
        else:
            shutil.copyfile(path, clip / path.name)
    solve = ["solve", str(clip / "plate.####.png"), "--steps", "120"]
    solve += ["--matte", f"fg={clip / 'alpha.####.png'}", "--out", str(tmp_path / "x.solve")]
    assert cli.run(solve) == 0
    assert "compressed in blocks of 8 px" in capfd.readouterr().err
    bake = ["bake", str(tmp_path / "x.solve"), "--no-keep-plate", "--out", str(tmp_path / "out")]
    assert cli.run(bake) == 0

    def shown(path: Path) -> np.ndarray:
        channels = read_exr(path)
        return linear_to_display(np.stack([channels[c] for c in "RGB"], -1)) @ LUMA

    plate = [np.asarray(cv2.imread(str(p))) @ LUMA[::-1] / 255 for p in clip.glob("plate.*.png")]
    solved = [shown(path) for path in sorted((tmp_path / "out").glob("plate.*.exr"))]
    assert len(solved) == 10
    for axis in (0, 1):
        before, after = (grid_profile(one, axis) for one in (plate, solved))
        assert before[0] > 1.3 * np.median(before[1:])
        assert after[0] < 1.12 * np.median(after[1:])
