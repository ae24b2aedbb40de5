# SPDX-License-Identifier: Apache-2.0
"""Draw clips with truth, a row each: plates over time, and the sharp frame of the middle one.

python examples/clips_sheet.py clips/figure clips/head --out docs/clips.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

CELL_PX = 300
SHARES = (0.04, 0.3, 0.5)


def row(clip: Path) -> np.ndarray:
    """Three plates and the last one's truth, 8-bit BGR, named."""
    plates = sorted(clip.glob("plate.*.png"))
    if not plates:
        raise SystemExit(f"expected a clip with plate.####.png, got none in {clip}")
    chosen = [plates[round(share * (len(plates) - 1))] for share in SHARES]
    chosen.append(chosen[-1].with_name(chosen[-1].name.replace("plate", "sharp")))
    cells = []
    for path in chosen:
        picture = np.asarray(cv2.imread(str(path)))
        height = round(picture.shape[0] * CELL_PX / picture.shape[1])
        cells.append(cv2.resize(picture, (CELL_PX, height), interpolation=cv2.INTER_AREA))
    line = np.hstack(cells)
    for ink, wide in ((0, 3), (255, 1)):
        cv2.putText(
            line, clip.name, (8, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (ink,) * 3, wide, cv2.LINE_AA
        )
    return line


def main() -> None:
    """Read the command line, write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    sheet = np.vstack([row(clip) for clip in given.clips])
    if not cv2.imwrite(str(given.out), sheet, [cv2.IMWRITE_JPEG_QUALITY, 82]):
        raise SystemExit(f"cannot write {given.out}")


if __name__ == "__main__":
    main()
