# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
from crossing_clip import COUNT, Clip, draw


@pytest.fixture(scope="session")
def crossing() -> Clip:
    return draw([50 + 11.0 * t for t in range(COUNT)])


@pytest.fixture(scope="session")
def on_disk(crossing: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip as plate.1001.png ..., with the exact matte of frame 1005 as key.png."""
    folder = tmp_path_factory.mktemp("crossing")
    for t, frame in enumerate(crossing.frames):
        cv2.imwrite(str(folder / f"plate.{1001 + t}.png"), frame[..., ::-1])
    cv2.imwrite(str(folder / "key.png"), (crossing.alphas[4] * 255).astype(np.uint8))
    return folder
