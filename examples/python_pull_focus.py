# SPDX-License-Identifier: Apache-2.0
"""Pull focus from Python, cell by cell: a notebook as a script, on the bundled clip.

    python examples/python_pull_focus.py      # leaves python_pull_focus/; under a minute

Editors that know `# %%` (VS Code, Spyder, PyCharm; Jupyter through jupytext) run it by cells.
"""

# %% The bundled clip: somebody walks by a market, focus is pulled from the street to her
from pathlib import Path

import cv2
import numpy as np
import pullfocus

WORK = Path("python_pull_focus")
CLIP = Path(pullfocus.__file__).parents[2] / "tests" / "clips" / "market"

shot = pullfocus.open_shot(CLIP / "plate.####.png")
print(shot.frames[0], "to", shot.frames[-1], f"{shot.width}x{shot.height}", shot.colorspace)

# %% Solve it. No matte: a box around her on one frame is followed through all.
# Interrupt it and run the cell again: it goes on. Solved, it is opened.
solved = pullfocus.solve_shot(
    shot, WORK / "market.solve", box=["fg:10=94,1,85,141"], quality="draft", seed=0
)
print(solved)

# %% Where focus lay when it was shot, px of radius by frame
if solved.focus is not None:
    print(np.round(solved.focus, 1))

# %% A frame: sharp, its radii, how far it can be relied on
passes = solved.frame(10)
print({name: picture.shape for name, picture in passes.items()})
print("radius of the street, px:", np.median(passes["bg_coc"]).round(1))


# %% A pull of our own, beside the plate's
def shown(light: np.ndarray) -> np.ndarray:
    """Scene-linear (H, W, 3 or 4) as 8-bit BGR to look at."""
    encoded = np.clip(light[..., 2::-1], 0, 1) ** (1 / 2.2)
    return (encoded * 255).round().astype(np.uint8)


numbers = solved.frames[:: max(1, len(solved.frames) // 4)]
above = [shown(solved.shot.plate.read(solved.frames.index(n))) for n in numbers]
below = [
    shown(solved.refocused(n, focus="1:fg 20:bg", aperture=1.5, blades=6)["beauty"])
    if solved.focus is not None
    else shown(solved.refocused(n, keep_sharp=("fg",))["beauty"])
    for n in numbers
]
cv2.imwrite(str(WORK / "pull.png"), np.vstack([np.hstack(above), np.hstack(below)]))
print(f"look at {WORK / 'pull.png'}: above the plate, below ours")

# %% The whole shot, as EXR
report = solved.refocus(WORK / "repaired", keep_sharp=("fg",), frames="9-12")
print(report.frames, "frames, from", report.first)
