# SPDX-License-Identifier: Apache-2.0
"""Which editor shows a picture, and how far a solve folder is."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from pullfocus import checkpoint

from blender_addon.editors import show_image
from blender_addon.solve_state import FINISHED, NONE, STOPPED, solve_state


class Area:
    """Stands in for an area of Blender's screen; knows no other names."""

    __slots__ = ("height", "redrawn", "spaces", "type", "width")

    def __init__(self, kind: str, width: int) -> None:
        self.type, self.width, self.height, self.redrawn = kind, width, 100, False
        self.spaces = SimpleNamespace(active=SimpleNamespace(image=None, ui_mode="VIEW"))

    def tag_redraw(self) -> None:
        self.redrawn = True


def shown(areas: list[Area], own: Area) -> list[Area]:
    context = SimpleNamespace(screen=SimpleNamespace(areas=areas), area=own)
    assert show_image(context, "atlas", mode="PAINT")
    found = [area for area in areas if area.spaces.active.image == "atlas"]
    assert all(area.redrawn and area.spaces.active.ui_mode == "PAINT" for area in found)
    return found


def test_the_largest_image_editor_shows_it() -> None:
    nodes, small, large = (
        Area("NODE_EDITOR", 900),
        Area("IMAGE_EDITOR", 100),
        Area("IMAGE_EDITOR", 300),
    )
    assert shown([nodes, small, large], nodes) == [large]


def test_without_one_the_largest_other_editor_becomes_one() -> None:
    nodes, view, settings = Area("NODE_EDITOR", 900), Area("VIEW_3D", 400), Area("PROPERTIES", 500)
    assert shown([nodes, view, settings], nodes) == [view]
    assert (view.type, nodes.type, settings.type) == ("IMAGE_EDITOR", "NODE_EDITOR", "PROPERTIES")


def test_there_may_be_no_place_for_it() -> None:
    nodes = Area("NODE_EDITOR", 900)
    alone = SimpleNamespace(screen=SimpleNamespace(areas=[nodes]), area=nodes)
    assert not show_image(alone, "atlas", mode="VIEW")
    assert not show_image(SimpleNamespace(screen=None, area=None), "atlas", mode="VIEW")


@pytest.mark.parametrize(("finished", "state"), [(True, FINISHED), (False, STOPPED)])
def test_state_of_a_solve(tmp_path: Path, finished: bool, state: str) -> None:
    import torch

    assert solve_state(tmp_path) == NONE
    path = tmp_path / "checkpoint.safetensors"
    checkpoint.save(path, {"a": torch.zeros(2)}, {"finished": finished, "step": 3})
    assert solve_state(tmp_path) == state
    path.write_bytes(b"\x10")
    assert solve_state(tmp_path) == NONE
