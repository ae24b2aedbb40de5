# SPDX-License-Identifier: Apache-2.0
"""Nothing that was handed over is written over, and what would fail at the end fails first."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from pullfocus.bake.guide import write_guide
from pullfocus.errors import PassesError
from pullfocus.output import DIGEST, check_not_footage, pixel_digest, prepared
from pullfocus.plate.exr import Plane, write_exr
from pullfocus.shot import OnDisk

FRAMES = ["shot.1001.exr", "shot.1002.exr"]


@pytest.fixture
def plate(tmp_path: Path) -> OnDisk:
    folder = tmp_path / "plate"
    folder.mkdir()
    files = tuple(folder / name for name in FRAMES)
    for file in files:
        file.write_bytes(b"plate")
    return OnDisk(what="plate", files=files, folder=folder)


def still(plate: OnDisk) -> OnDisk:
    """The same files, named one by one: their folder may hold other things."""
    return OnDisk(what="plate", files=plate.files, folder=None)


def by_link(tmp_path: Path, plate: OnDisk) -> Path:
    (tmp_path / "link").symlink_to(plate.files[0].parent)
    return tmp_path / "link"


PLACES = {
    "the folder itself": lambda tmp, plate: plate.folder,
    "by a link": by_link,
    "with ..": lambda tmp, plate: tmp / "other" / ".." / "plate",
    "relative": lambda tmp, plate: Path(os.path.relpath(plate.folder)),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_folder_with_a_sequence_takes_no_results(tmp_path, plate, place):
    (tmp_path / "other").mkdir()
    out = PLACES[place](tmp_path, plate)
    with pytest.raises(PassesError, match="is the folder of the plate: results would mix"):
        prepared(out, ["shot_refocus.1001.exr"], footage=[plate])
    assert sorted(p.name for p in plate.folder.iterdir()) == FRAMES


def hard_link(out: Path, plate: OnDisk) -> None:
    os.link(plate.files[1], out / "shot.1002.exr")


def soft_link(out: Path, plate: OnDisk) -> None:
    (out / "shot.1002.exr").symlink_to(plate.files[1])


@pytest.mark.parametrize("link", [hard_link, soft_link])
def test_a_link_to_footage_is_footage(tmp_path, plate, link):
    out = tmp_path / "out"
    out.mkdir()
    link(out, plate)
    with pytest.raises(PassesError, match=r"shot\.1002\.exr is the plate, and would be written"):
        prepared(out, FRAMES, footage=[plate])
    assert (out / "shot.1002.exr").read_bytes() == b"plate"


def test_footage_that_is_a_link_keeps_its_name(tmp_path, plate):
    out = tmp_path / "out"
    out.mkdir()
    names = tuple(out / name for name in FRAMES)
    for name, file in zip(names, plate.files, strict=True):
        name.symlink_to(file)
    linked = OnDisk(what="matte fg", files=names, folder=None)
    with pytest.raises(PassesError, match="is the matte fg"):
        prepared(out, FRAMES, footage=[linked])


def test_names_in_another_case_are_one_file_on_many_disks(plate):
    target = plate.folder / "SHOT.1001.EXR"
    with pytest.raises(PassesError, match="is the plate"):
        check_not_footage([target], [still(plate)])


def test_paint_that_is_read_is_not_written_over(tmp_path):
    painted = tmp_path / "atlas_bg.exr"
    painted.write_bytes(b"paint")
    with pytest.raises(PassesError, match=r"atlas_bg\.exr is the paint"):
        prepared(tmp_path, [], footage=[], painted=["atlas_bg.exr"], paint={"paint": painted})


def test_a_file_named_by_name_may_have_neighbours(tmp_path, plate):
    prepared(plate.folder, ["shot_flow.1001.exr"], footage=[still(plate)])
    with pytest.raises(PassesError, match="is the plate"):
        prepared(plate.folder, FRAMES, footage=[still(plate)])


def exr(path: Path, *, metadata: dict[str, str], value: float = 0.5) -> np.ndarray:
    pixels = np.full((4, 6, 3), value, np.float16)
    plane = Plane(name="atlas", data=pixels, channels=tuple("RGB"), half=True)
    write_exr(path, [plane], metadata=metadata)
    return pixels


def test_frames_of_somebody_else_stay(tmp_path):
    exr(tmp_path / FRAMES[0], metadata={})
    with pytest.raises(PassesError, match=r"shot\.1001\.exr was not written by pullfocus"):
        prepared(tmp_path, FRAMES, footage=[])
    exr(tmp_path / FRAMES[0], metadata={"pullfocus/version": "0.1.0"})
    prepared(tmp_path, FRAMES, footage=[])


def test_an_atlas_stays_replaceable_until_it_is_painted(tmp_path):
    path = tmp_path / "atlas_bg.exr"
    ours = {"pullfocus/version": "0.1.0", DIGEST: pixel_digest(np.full((4, 6, 3), 0.5, np.float16))}
    exr(path, metadata=ours)
    prepared(tmp_path, [], footage=[], painted=[path.name])
    # painted with a program that keeps headers
    exr(path, metadata=ours, value=0.75)
    with pytest.raises(PassesError, match="painted or replaced since it was baked"):
        prepared(tmp_path, [], footage=[], painted=[path.name])


def test_a_guide_stays_replaceable_until_it_is_painted(tmp_path):
    import cv2

    path = tmp_path / "atlas_bg_guide.png"
    write_guide(path, np.full((8, 9, 3), 77, np.uint8))
    prepared(tmp_path, [], footage=[], painted=[path.name])
    cv2.imwrite(str(path), np.full((8, 9, 3), 78, np.uint8))
    with pytest.raises(PassesError, match="painted or replaced"):
        prepared(tmp_path, [], footage=[], painted=[path.name])


def test_a_json_of_somebody_else_stays(tmp_path):
    (tmp_path / "passes.json").write_text('{"render": 1}')
    with pytest.raises(PassesError, match=r"passes\.json was not written by pullfocus"):
        prepared(tmp_path, [], footage=[], others=["passes.json"])


def test_a_folder_of_the_name_of_a_file(tmp_path):
    (tmp_path / "passes.json").mkdir()
    with pytest.raises(PassesError, match="got a folder of that name"):
        prepared(tmp_path, FRAMES, footage=[], others=["passes.json"])


def test_a_name_that_no_disk_takes(tmp_path):
    with pytest.raises(PassesError, match="up to 255 bytes"):
        prepared(tmp_path, ["ä" * 126 + ".exr"], footage=[])
    prepared(tmp_path, ["ä" * 125 + ".exr"], footage=[])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(PassesError, match=r"cannot write frames to .*closed: Permission denied"):
        prepared(closed, FRAMES, footage=[])


Usage = namedtuple("Usage", "total used free")


def test_a_disk_without_room_is_told_before_the_first_frame(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1, 1, 1_000_000))
    with pytest.raises(PassesError, match=r"2 frames are 2\.0 GB before compression, 1 MB is free"):
        prepared(tmp_path, FRAMES, footage=[], raw_bytes=10**9)
    prepared(tmp_path, FRAMES, footage=[], raw_bytes=10**6)


def test_the_first_frame_tells_whether_the_rest_has_room(tmp_path, monkeypatch):
    output = prepared(tmp_path, FRAMES * 50, footage=[], raw_bytes=1000)
    frame = tmp_path / "shot.1001.exr"
    frame.write_bytes(bytes(5000))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(1, 1, 400_000))
    with pytest.raises(PassesError, match="99 more frames need about 495 KB, 400 KB is free"):
        output.wrote(frame)


@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt()])
def test_work_that_stops_says_what_is_whole(tmp_path, error):
    output = prepared(tmp_path, FRAMES, footage=[])
    frame = tmp_path / FRAMES[0]
    frame.write_bytes(b"1")
    output.wrote(frame)
    with pytest.raises(type(error)) as caught, output.telling():
        raise error
    assert caught.value.__notes__ == [f"1 of 2 frames are complete in {tmp_path}"]
