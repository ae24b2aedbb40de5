# SPDX-License-Identifier: Apache-2.0
"""What the plug-in makes leaves the artist's selection and wires as they are."""

from pathlib import Path

import pytest
from described_passes import described
from pullfocus_nuke import exporting, importing, painting, solving
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.placing import new_node
from pullfocus_nuke.writing import write_exr


@pytest.fixture
def chain(nuke, tmp_path: Path):
    """A picked node with another behind it, and passes beside them."""
    group = importing.import_passes(str(described(tmp_path / "passes")))
    picked, behind = nuke._new("NoOp"), nuke._new("Dot")
    behind.setInput(0, picked)
    for node in nuke.selectedNodes():
        node.setSelected(False)
    picked.setSelected(True)

    def check() -> None:
        assert behind.input(0) is picked
        assert picked.inputs() == 0
        assert nuke.selectedNodes() == [picked]

    return group, check


def test_the_stand_in_splices_as_nuke_does(nuke, chain) -> None:
    (picked,) = nuke.selectedNodes()
    behind = nuke.allNodes("Dot")[0]
    made = nuke.createNode("Write")
    assert (made.input(0), behind.input(0)) == (picked, made)
    assert nuke.selectedNodes() == [made]
    nuke.delete(made)
    assert behind.input(0) is picked
    read = nuke.createNode("Read")
    assert read.inputs() == 0


def test_writing_footage(nuke, chain, tmp_path: Path) -> None:
    _, check = chain
    plate = nuke._new("Read")
    job = solving.Job((tmp_path / "x").as_posix(), plate, (), 1, 2, "draft", True)
    seen = []

    def writes(node, first, last):
        seen.append(node.input(0))
        for frame in range(first, last + 1):
            Path(node["file"].value() % frame).parent.mkdir(parents=True, exist_ok=True)
            Path(node["file"].value() % frame).touch()

    nuke.on_execute = writes
    solving.write_footage(job)
    assert seen == [plate]
    check()

    def fails(*_):
        raise RuntimeError("no licence")

    nuke.on_execute = fails
    with pytest.raises(GizmoError, match="no licence"):
        solving.write_footage(job)
    check()
    assert nuke.allNodes("Write") == []


def test_importing_and_painting(nuke, chain, tmp_path: Path) -> None:
    group, check = chain
    nuke.answers = [{"Layer": "bg"}]
    atlas = painting.paint_atlas()
    assert [one.Class() for one in atlas.wires] == ["Read", "Read"]
    check()
    path = tmp_path / "painted.exr"
    nuke.answers = [str(path)]
    nuke.on_execute = lambda *_: path.touch()
    painting.write_atlas(atlas)
    assert group["bg_paint_file"].value() == path.as_posix()
    check()
    importing.import_passes(str(tmp_path / "passes"))
    check()


@pytest.mark.parametrize("kind", [1, 3, 4])
def test_exporting(nuke, chain, kind: int) -> None:
    group, check = chain
    group["export_for"].setValue(kind)
    exporting.create_export(group)
    made = nuke.allNodes("ZDefocus2") + nuke.allNodes("Bokeh")
    assert [node.input(0) for node in made] == ([group] if kind < 4 else [])
    check()


def test_a_node_that_is_not_there_leaves_the_selection(nuke, chain) -> None:
    with pytest.raises(RuntimeError, match="Unknown command"):
        new_node("OpenDefocus")
    chain[1]()


@pytest.mark.parametrize("proxy", [False, True])
def test_files_are_written_at_full_size(nuke, proxy: bool) -> None:
    nuke.root()["proxy"].setValue(proxy)
    seen = []
    nuke.on_execute = lambda *_: seen.append(nuke.root()["proxy"].value())
    write_exr(nuke._new("NoOp"), "x.exr", "rgb", 1, 1)
    assert seen == [False]
    assert nuke.root()["proxy"].value() is proxy

    def fails(*_):
        raise RuntimeError("stopped")

    nuke.on_execute = fails
    with pytest.raises(RuntimeError, match="stopped"):
        write_exr(nuke._new("NoOp"), "x.exr", "rgb", 1, 1)
    assert nuke.root()["proxy"].value() is proxy
    assert nuke.allNodes("Write") == []
