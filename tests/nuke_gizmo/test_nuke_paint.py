# SPDX-License-Identifier: Apache-2.0
"""Painting an atlas, driven through a stand-in for Nuke."""

from pathlib import Path

import numpy as np
import pytest
from graph_interpreter import Interpreter, read_picture
from pullfocus.plate.colour import linear_to_display
from pullfocus_nuke import importing, painting


def test_painting_an_atlas_wires_everything_up(nuke, group, tmp_path: Path) -> None:
    nuke.answers = [{"Layer": "bg"}]
    atlas = painting.paint_atlas()
    assert atlas.input(0)["file"].value().endswith("/atlas_bg.exr")
    assert atlas.input(1) is group.input(0)
    assert group.input(3) is atlas
    assert group["bg_edit"].value() == "painted input"
    assert atlas["guide"].value().endswith("/atlas_bg_guide.png")
    assert atlas["atlas_width"].number() == 91
    nuke.answers = [None]
    assert painting.paint_atlas() is None


def test_the_painted_atlas_is_written_and_used(nuke, group, tmp_path: Path) -> None:
    nuke.answers = [{"Layer": "bg"}]
    atlas = painting.paint_atlas()
    path = tmp_path / "painted.exr"
    nuke.answers = [str(path)[:-4]]
    atlas["output"].setValue("checker on frames")

    def writes(node, *_):
        assert node["file"].value() == str(path)
        assert atlas["output"].value() == "painted atlas"
        path.touch()

    nuke.on_execute = writes
    atlas["write_atlas"].execute()
    assert nuke.messages == []
    assert atlas["output"].value() == "checker on frames"
    assert nuke.allNodes("Write") == []
    assert group["bg_paint_file"].value() == str(path)
    assert group["bg_edit"].value() == "painted file"
    nuke.answers = [str(tmp_path / "other.exr")]
    nuke.on_execute = None
    atlas["write_atlas"].execute()
    assert "was not written" in nuke.messages[-1]

    def fails(*_):
        raise RuntimeError("disk full")

    nuke.answers = [str(tmp_path / "other.exr")]
    nuke.on_execute = fails
    atlas["write_atlas"].execute()
    assert "other.exr: disk full" in nuke.messages[-1]
    assert nuke.allNodes("Write") == []
    assert atlas["output"].value() == "checker on frames"
    assert group["bg_paint_file"].value() == str(path)


def test_paint_atlas_without_passes_says_so(nuke) -> None:
    assert painting.paint_atlas() is None
    assert "no PullFocus" in nuke.messages[-1]


@pytest.fixture
def painting_node(nuke, market: Path):
    nuke.frame(4)
    importing.import_passes(str(market / "passes"))
    nuke.answers = [{"Layer": "fg"}]
    return painting.paint_atlas()


def test_paint_shows_on_the_frames_at_once(nuke, painting_node, market: Path) -> None:
    atlas = read_picture(market / "passes" / "atlas_fg.exr")
    dot = np.zeros((atlas.height, atlas.width), np.float32)
    dot[80:120, 60:90] = 1
    paint = atlas.with_channels(
        {
            "rgba.red": dot,
            "rgba.green": 0.1 * dot,
            "rgba.blue": 0 * dot,
            "rgba.alpha": dot,
        }
    )

    def seen() -> np.ndarray:
        return Interpreter(4, {"paint": paint}).run(painting_node)

    painted = seen()
    np.testing.assert_allclose(painted["rgba.red"][80:120, 60:90], 1)
    np.testing.assert_array_equal(painted.rgb()[:80], atlas.rgb()[:80])
    painting_node["output"].setValue("on frames")
    beauty = read_picture(market / "passes" / "plate.0004.exr")
    change = np.abs(seen().rgb() - beauty.rgb()).max(-1)
    assert change.max() > 0.3
    assert 0.01 < (change > 0.05).mean() < 0.2
    assert change[beauty["fg_uv.Z"] == 0].max() == 0
    painting_node["output"].setValue("checker on frames")
    checker = seen().rgb()
    inside, _outside = beauty["fg_uv.Z"] > 0.999, beauty["fg_uv.Z"] == 0
    assert len(np.unique(checker[inside].round(2), axis=0)) >= 2
    np.testing.assert_array_equal(
        checker[beauty["fg_uv.Z"] == 0], beauty.rgb()[beauty["fg_uv.Z"] == 0]
    )


def test_the_guide_lies_over_the_atlas(nuke, painting_node, market: Path) -> None:
    """Cut and shrunk, what bake enlarged and framed is the atlas's size again, in its place."""
    import cv2
    from graph_interpreter import Picture

    guide = cv2.imread(str(market / "passes" / "atlas_fg_guide.png"))[..., ::-1] / 255
    planes = np.moveaxis(guide.astype(np.float32), -1, 0)
    names = ("rgba.red", "rgba.green", "rgba.blue")
    held = Picture(dict(zip(names, planes, strict=True)), guide.shape[1], guide.shape[0])
    empty = Picture({}, *(int(painting_node[f"atlas_{a}"].number()) for a in ("width", "height")))
    painting_node["output"].setValue("used area")
    painting_node["guide_mix"].setValue(1)
    out = Interpreter(4, {"guide_read": held, "paint": empty}).run(painting_node)
    atlas = read_picture(market / "passes" / "atlas_fg.exr")
    assert (out.width, out.height) == (atlas.width, atlas.height)
    light = linear_to_display(atlas.rgb()).clip(0, 1)
    # bake lays a checker of 0.9 and 1.1 over it and darkens what no frame shows to a quarter
    factors = [0.9, 1.1, 0.225, 0.275]
    apart = [np.abs(out.rgb() - (factor * light).clip(0, 1)).max(-1) for factor in factors]
    assert (np.min(apart, 0) < 0.02).mean() > 0.9
