# SPDX-License-Identifier: Apache-2.0
"""One Blender with a window, worked by hand from the first test to the last."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pullfocus import cli
from pullfocus.hosts import lay_out_blender

from tests.window.by_hand import MODULE, ByHand
from tests.window.room import NoRoot, Room

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build/window"
CLIP = ROOT / "tests/clips/market"
FRAMES = range(1, 9)


@pytest.fixture(scope="session")
def hand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ByHand]:
    """Blender with a window, bare: nothing is installed in it."""
    work = tmp_path_factory.mktemp("window")
    pictures = Path(os.environ.get("PICTURES", PICTURES))
    shutil.rmtree(pictures, ignore_errors=True)
    try:
        room = Room(
            work, suite=os.environ.get("SUITE", "sid"), blender=os.environ.get("BLENDER") or None
        )
    except NoRoot as why:
        pytest.skip(str(why))
    found = ByHand(room, pictures)
    try:
        found.start()
        found.begin()
        yield found
    finally:
        room.close()


@pytest.fixture(scope="session")
def five(hand: ByHand) -> None:
    """For what came with Blender 5.0."""
    if not hand.ask("FIVE"):
        pytest.skip("before 5.0 compositors have no assets, strips no node groups, groups no menus")


@pytest.fixture(scope="session")
def shot(hand: ByHand) -> Path:
    """A folder with the first frames of the bundled clip: plate.####.png, alpha.####.png."""
    folder = hand.room.work / "shot"
    folder.mkdir()
    for frame in FRAMES:
        for name in ("plate", "alpha"):
            shutil.copy(CLIP / f"{name}.{frame:04d}.png", folder)
    return folder


@pytest.fixture(scope="session")
def passes(shot: Path) -> Path:
    """The passes of that shot: those that were solved by hand, or a quick draft where none were."""
    folder = shot / "plate_passes"
    return folder if (folder / "passes.json").is_file() else draft(shot, "plate")


def draft(folder: Path, plate: str) -> Path:
    """Solve and bake PLATE.####.png with alpha.####.png in a folder; returns that of the passes."""
    solve, passes = folder / f"{plate}_draft.solve", folder / f"{plate}_passes"
    told = ["--quality", "draft", "--steps", "60", "--progress", "json"]
    matte = f"fg={folder}/alpha.####.png"
    assert (
        cli.run(
            ["solve", f"{folder}/{plate}.####.png", "--matte", matte, *told, "--out", str(solve)]
        )
        == 0
    )
    assert cli.run(["bake", str(solve), "--out", str(passes), "--progress", "json"]) == 0
    return passes


@pytest.fixture(scope="module")
def extension(hand: ByHand) -> None:
    """The extension, switched on, in the compositor; installed by a call where no hand did."""
    if not hand.ask(f"{MODULE!r} in bpy.context.preferences.addons"):
        folder = hand.room.work / "zip"
        found = sorted(folder.glob("*.zip")) if folder.is_dir() else []
        path = found[0] if found else lay_out_blender(folder)
        hand.ask(
            f"bpy.ops.extensions.package_install_files(filepath={str(path)!r},"
            " repo='user_default', enable_on_install=True)\nNone"
        )
        hand.ask(
            f"bpy.context.preferences.addons[{MODULE!r}].preferences.launcher"
            f" = {str(hand.room.launcher)!r}\nNone"
        )
    hand.open_workspace("Compositing")
