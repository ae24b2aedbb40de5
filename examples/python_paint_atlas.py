# SPDX-License-Identifier: Apache-2.0
"""Paint an atlas from Python, cell by cell: a notebook as a script, on the bundled clip.

    python examples/python_paint_atlas.py     # leaves python_paint_atlas/; under a minute

Editors that know `# %%` (VS Code, Spyder, PyCharm; Jupyter through jupytext) run it by cells.
"""

# %% The bundled clip with its matte, from memory: what a program of your own would hand over
from pathlib import Path

import cv2
import numpy as np
import pullfocus

WORK = Path("python_paint_atlas")
CLIP = Path(pullfocus.__file__).parents[2] / "tests" / "clips" / "market"


def stacked(name: str, flag: int) -> np.ndarray:
    """All frames of the clip called so, 8 bit, (T, H, W, 3) RGB or (T, H, W)."""
    frames = [cv2.imread(str(path), flag) for path in sorted(CLIP.glob(f"{name}.*.png"))]
    return np.stack([frame[..., ::-1] if frame.ndim == 3 else frame for frame in frames])


plate = stacked("plate", cv2.IMREAD_COLOR)
matte = stacked("alpha", cv2.IMREAD_GRAYSCALE)
shot = pullfocus.open_shot(plate, mattes={"fg": matte}, frames="1-20")
solved = pullfocus.solve_shot(shot, WORK / "market.solve", quality="draft", seed=0)

# %% One picture of the street for all frames, scene-linear
street = solved.atlas("bg")
print(street.shape, street.dtype, f"brightest {street.max():.2f}")

# %% A sign on it: colour, and how far it covers
height, width = street.shape[:2]
cover = np.zeros((height, width), np.uint8)
at = (round(0.42 * width), round(0.42 * height))
cv2.putText(cover, "OPEN", at, cv2.FONT_HERSHEY_DUPLEX, width / 400, 255, 2, cv2.LINE_AA)
paint = np.zeros((height, width, 4), np.float32)
paint[..., :3] = (0.9, 0.1, 0.05)
paint[..., 3] = cover / 255

# %% It is in every frame, sharp, before the street moves out of focus again
changed = []
for number in (solved.frames[0], solved.frames[len(solved.frames) // 2], solved.frames[-1]):
    painted = solved.refocused(number, painted={"bg": paint})["beauty"]
    plain = solved.refocused(number)["beauty"]
    changed.append(float((np.abs(painted - plain).max(-1) > 0.05).mean()))
print("share of the frame that paint changes:", [f"{share:.1%}" for share in changed])

# %% Written: the passes, sharp; and the plate with the sign in it, as far out of focus as it is
sharp = solved.edit(WORK / "sharp", "bg", paint, frames="9-12")
in_plate = solved.edit(WORK / "in_plate", "bg", paint, in_plate=True, frames="9-12")
print(sharp.first, in_plate.first)
