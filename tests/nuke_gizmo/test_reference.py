# SPDX-License-Identifier: Apache-2.0
"""docs/nuke_reference.md is what the plug-in is: knobs, dialogs, messages, and its picture."""

import re
from pathlib import Path

import pytest
from pullfocus_nuke.atlas_gizmo import atlas_gizmo
from pullfocus_nuke.cg_gizmo import cg_gizmo
from pullfocus_nuke.importing import import_passes
from pullfocus_nuke.refocus_gizmo import refocus_gizmo

from nuke_gizmo import panel_picture, reference


def test_page_and_picture_are_current() -> None:
    """If not: `make gizmos`."""
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page()
    drawn = panel_picture.svg(refocus_gizmo(("fg", "bg")))
    assert panel_picture.PICTURE.read_text(encoding="utf-8") == drawn


@pytest.mark.parametrize("gizmo", [refocus_gizmo(), atlas_gizmo(("fg", "bg")), cg_gizmo()])
def test_every_knob_is_there_with_what_it_does(gizmo) -> None:
    (section,) = re.findall(rf"### {gizmo.name}\n(.*?)\n##", reference.page(), re.DOTALL)
    for knob in gizmo.knobs:
        if knob.kind in (20, 26):
            continue
        name = re.sub("^(fg|bg)_", "LAYER_", knob.name)
        (row,) = [line for line in section.split("\n") if f"| `{name}` |" in line]
        cells = [cell.strip() for cell in row.strip("| ").split("|")]
        assert len(cells) == 6, row
        assert len(cells[-1]) >= 3, f"{gizmo.name}.{knob.name} says nothing of itself"


@pytest.mark.parametrize(
    "broken",
    ["{", '{"version": "9.0"}', '{"version": "1.0", "layers": []}', "[]"],
    ids=["torn", "newer", "empty", "a list"],
)
def test_what_is_told_is_listed(nuke, tmp_path: Path, broken: str) -> None:
    (tmp_path / "passes.json").write_text(broken)
    assert import_passes(str(tmp_path)) is None
    (told,) = nuke.messages
    listed = [line[2:] for line in reference.page().split("\n") if line.startswith("- ")]
    known = [".+".join(map(re.escape, line.split("..."))) for line in listed]
    specific = [one for one in known if len(one.replace(".+", "")) > 20]
    assert any(re.fullmatch(one, told, re.DOTALL) for one in specific), told
