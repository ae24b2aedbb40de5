# SPDX-License-Identifier: Apache-2.0
"""One Blender with a window, worked by hand from the first test to the last."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.window.by_hand import ByHand
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
def shot(hand: ByHand) -> Path:
    """A folder with the first frames of the bundled clip: plate.####.png, alpha.####.png."""
    folder = hand.room.work / "shot"
    folder.mkdir()
    for frame in FRAMES:
        for name in ("plate", "alpha"):
            shutil.copy(CLIP / f"{name}.{frame:04d}.png", folder)
    return folder
