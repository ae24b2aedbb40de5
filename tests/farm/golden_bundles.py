# SPDX-License-Identifier: Apache-2.0
"""The bundles that are compared to the letter, and what makes them again.

After a change that is meant: ``.venv/bin/python -m tests.farm.golden_bundles``, and look at the
difference.
"""

import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
from pullfocus import cli
from pullfocus.plate.exr import Plane, write_exr

GOLDEN = Path(__file__).parent / "golden"
MARKET = Path(__file__).parents[1] / "clips" / "market"
FILES = (
    "template.yaml",
    "parameter_values.yaml",
    "asset_references.yaml",
    "openjd_parameters.yaml",
)
STUDIO = "/studio"
"""What stands for the folder that everything lies in."""

PLAIN = ["{studio}/plate/plate.####.png", "--matte", "fg={studio}/matte/alpha.####.png"]
CASES = {
    "solve_and_bake": [*PLAIN, "--quality", "draft", "--frames", "1-4"],
    "no_matte_from_a_folder": ["{studio}/plate", "--frames", "1-3:2,4", "--frames-per-task", "2"],
    "on_a_proxy": [*PLAIN, "--proxy", "96", "--quality", "draft", "--frames-per-task", "2"],
    "everything": [
        *PLAIN,
        *"--minutes 30 --seed 1234567 --colorspace srgb_texture --device cuda --rate 25".split(),
        *["--coc", "{studio}/coc/coc.####.exr", "--no-keep-plate"],
        *["--focus", "1:fg 4:bg", "--keep-sharp", "fg", "--aperture", "1.5", "--blades", "6"],
        *["--rim", "0.5", "--overlay", "--atlas", "bg={studio}/paint/painted.exr"],
        *["--lens", "auto"],
        *["--solve-folder", "{studio}/shot.solve", "--passes", "{studio}/passes"],
        *["--refocused", "{studio}/repaired", "--frames-per-task", "16", "--solve-hours", "2"],
        *["--task-hours", "0.5", "--program", "/opt/pullfocus/bin/pullfocus"],
        *["--conda-packages", "pullfocus=0.1 python=3.13", "--rez-packages", "pullfocus-0.1"],
    ],
}


def studio(root: Path, frames: int = 4) -> Path:
    """Lay out footage under `root`: plate, matte, circle of confusion, a painted atlas."""
    for folder, name in (("plate", "plate"), ("matte", "alpha")):
        (root / folder).mkdir(parents=True)
        for number in range(1, frames + 1):
            shutil.copy(MARKET / f"{name}.{number:04d}.png", root / folder)
    for path, size in [(root / f"coc/coc.{n:04d}.exr", (144, 256)) for n in range(1, frames + 1)]:
        path.parent.mkdir(exist_ok=True)
        plane = Plane(name="coc", data=np.ones(size), channels=("coc.X",), half=False)
        write_exr(path, [plane])
    (root / "paint").mkdir()
    plane = Plane(name="paint", data=np.ones((8, 8, 3)), channels=tuple("RGB"), half=True)
    write_exr(root / "paint" / "painted.exr", [plane])
    return root


def written(case: str, root: Path) -> Path:
    """Write the bundle of a case for the studio at `root`; returns its folder."""
    out = root / "job"
    words = [word.format(studio=root) for word in CASES[case]]
    assert cli.run(["farm", *words, "--out", str(out), "--progress", "json"]) == 0
    return out


def told(bundle: Path, root: Path) -> dict[str, str]:
    """The text of every file, as if the studio lay at `STUDIO`.

    How much memory a machine needs is left out: it follows what a solve takes.
    """
    texts = {}
    for name in FILES:
        text = (bundle / name).read_text(encoding="utf-8").replace(str(root), STUDIO)
        texts[name] = re.sub(r"(amount\.worker\.memory\n\s+min:) \d+", r"\1 MEMORY", text)
    return texts


def main() -> None:
    """Write all golden bundles again."""
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            root = studio(Path(folder).resolve() / "studio")
            target = GOLDEN / case
            target.mkdir(parents=True, exist_ok=True)
            for name, text in told(written(case, root), root).items():
                (target / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
