# SPDX-License-Identifier: Apache-2.0
"""A focus pull as one picture: frames of a solve, refocused, side by side below its plate.

python examples/pull_strip.py X.solve "plate.####.png" --focus "1:fg 20:bg" --out strip.jpg
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from pullfocus import cli
from pullfocus.plate.exr import read_exr

_COLUMNS = 5


def display(light: np.ndarray) -> np.ndarray:
    """Encode scene-linear light for display, sRGB curve, 8 bit."""
    light = light.clip(0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (coded * 255 + 0.5).astype(np.uint8)


def refocused(path: Path) -> Image.Image:
    """Read R G B of a refocused frame."""
    channels = read_exr(path)
    return Image.fromarray(display(np.dstack([channels[c] for c in "RGB"])))


def main() -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("solve", type=Path)
    parser.add_argument("plate", help="its plate, 8 bit, with #### for the number")
    parser.add_argument("--focus", required=True, help="as pullfocus refocus takes it")
    parser.add_argument("--aperture", default="1.5")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = ["refocus", str(chosen.solve), "--focus", chosen.focus, "--out", folder]
        if cli.run([*command, "--aperture", chosen.aperture]) != 0:
            raise SystemExit("refocus failed")
        found = sorted(Path(folder).glob("*.exr"))
        picked = [found[round(i * (len(found) - 1) / (_COLUMNS - 1))] for i in range(_COLUMNS)]
        lower = [refocused(path) for path in picked]
        numbers = [path.stem.rsplit(".", 1)[-1] for path in picked]
    upper = [Image.open(chosen.plate.replace("####", number)).convert("RGB") for number in numbers]
    width, height = lower[0].size
    strip = Image.new("RGB", (_COLUMNS * (width + 4) - 4, 2 * height + 4), "white")
    for row, pictures in enumerate((upper, lower)):
        for column, picture in enumerate(pictures):
            strip.paste(picture, (column * (width + 4), row * (height + 4)))
    strip.save(chosen.out, quality=90)


if __name__ == "__main__":
    main()
