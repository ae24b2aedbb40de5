# SPDX-License-Identifier: Apache-2.0
"""What a solve wins and costs: clips with truth through the command line, one table.

    python benchmarks/solve_table.py CLIP [CLIP ...] [--rows standard,fat] [--out DIR]

Rows: fusion (no solve: the frames fused by sharpness), draft, standard, high, fat (standard, with
every matte dilated by 6 px), rough (standard, with the clip's own matte.####.png), twice (standard,
the clip played forth and back), half (draft, on a proxy of half the width), followed (draft, one
exact key in the middle, followed through the clip; compare with draft), rematte (the same with
--rematte); and after the paper's Table 4 network (standard, --coc auto), fixed (the network's
radii, held), truth (the true radii, held).

Subject, edge (12 px around the silhouette), background and a region that a clip marks (a mouth) are
measured apart. Below plate: frames whose whole, subject, edge, background or region lost against
their plate; above 42 dB nobody sees a loss. Detail is gradient energy over the truth's; holes the
share of matte that is wrong beyond doubt; tOF the error of the result's optical flow. A clip is a
folder with the layout of tests/clips/market.
Seconds are wall time of whole commands, imports included; memory is the most that any of them held.
Run it on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ROWS = {
    "fusion": ["--steps", "0"],
    "draft": ["--quality", "draft"],
    "standard": [],
    "high": ["--quality", "high"],
    "half": ["--quality", "draft"],
    "fat": [],
    "rough": [],
    "twice": [],
    "followed": ["--quality", "draft"],
    "rematte": ["--quality", "draft", "--rematte"],
    "network": ["--coc", "auto"],
    "fixed": [],
    "truth": [],
}
FAT_PX = 6
TITLES = (
    *("clip", "row", "plate dB", "result dB", "gain", "worst frame"),
    *("subject dB: plate / result", "edge dB", "background dB"),
    *("region dB", "below plate: frames / subject / edge / background / region"),
    *("detail: plate / result", "detail of subject", "holes %", "tOF px", "LPIPS", "reblur dB"),
    *("COC fg / bg px", "behind subject dB", "solve + bake s", "GB"),
)
HEADER = f"| {' | '.join(TITLES)} |\n{'|---' * len(TITLES)}|"


@dataclass(frozen=True)
class Code:
    """A checkout whose command line is run."""

    root: Path

    def command(self) -> list[str]:
        """How to start it, whatever is installed."""
        return [sys.executable, "-m", "pullfocus.cli"]

    def environment(self) -> dict[str, str]:
        """Where its packages are found, before any that is installed."""
        folders = [str(self.root / "core"), str(self.root), os.environ.get("PYTHONPATH", "")]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))}


HERE = Code(Path(__file__).resolve().parents[1])


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    seconds: float
    memory_gb: float
    cpu_seconds: float


def pullfocus(log: Path, code: Code, *arguments: str) -> Cost:
    """Run the command line; stop here if it fails."""
    began = time.monotonic()
    command = [*code.command(), *arguments, "--progress", "plain"]
    with log.open("a") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=code.environment())
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"pullfocus {' '.join(arguments)} failed:\n{log.read_text()}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.monotonic() - began, usage.ru_maxrss / 1e6, cpu)


def fattened(clip: Path, folder: Path) -> Path:
    """Make a copy of the clip's mattes, dilated; returns their pattern."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * FAT_PX + 1, 2 * FAT_PX + 1))
    for path in sorted(clip.glob("alpha.*.png")):
        matte = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(folder / path.name), cv2.dilate(np.asarray(matte), disc))
    return folder / "alpha.####.png"


def forth_and_back(clip: Path, folder: Path) -> Path:
    """Link the clip twice, the second time backwards; returns the new clip."""
    for part in ("plate", "sharp", "alpha", "clean", "truth"):
        paths = sorted(clip.glob(f"{part}.*"))
        for index, path in enumerate([*paths, *reversed(paths)]):
            link = folder / f"{part}.{index + 1:04d}{path.suffix}"
            link.unlink(missing_ok=True)
            link.symlink_to(path.resolve())
    return folder


def middle_key(clip: Path) -> Path:
    """The true matte nearest the middle that shows at least half of the most that is ever seen."""
    paths = sorted(clip.glob("alpha.*.png"))
    area = [float(np.mean(np.asarray(cv2.imread(str(path), 0)) > 127)) for path in paths]
    shown = [n for n, share in enumerate(area) if share >= 0.5 * max(area)]
    return paths[min(shown, key=lambda n: abs(n - len(paths) // 2))]


def reblur_db(log: Path) -> str:
    """Mean over the last steps, dB."""
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    found = [line["psnr_reblur"] for line in lines[-64:] if line["psnr_reblur"] is not None]
    return f"{np.mean(found):.2f}" if found else ""


@dataclass(frozen=True)
class Measured:
    """One clip solved in one way."""

    facts: dict
    """What `evaluate` found (its report.json)."""
    reblur: str
    """Mean over the last steps, dB."""
    solve: Cost
    bake: Cost


def measure(clip: Path, row: str, out: Path, code: Code = HERE) -> Measured:
    """Solve and bake one clip in one way, by `code`; evaluate it by this checkout's measures."""
    matte = clip / "alpha.####.png"
    truth = clip
    inputs = out / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    if row == "fat":
        matte = fattened(clip, inputs)
    if row == "rough":
        matte = clip / "matte.####.png"
    if row == "twice":
        truth = forth_and_back(clip, inputs)
        matte = truth / "alpha.####.png"
    log = out / "log.txt"
    mattes = []
    if any(matte.parent.glob(matte.name.replace("####", "*"))):
        mattes = ["--matte", f"fg={matte}"]
    if row in ("followed", "rematte"):
        key = middle_key(clip)
        mattes = ["--key", f"fg:{int(key.name.split('.')[1])}={key}"]
    more: list[str] = []
    if row == "half":
        plate = cv2.imread(str(next(clip.glob("plate.*"))), cv2.IMREAD_UNCHANGED)
        more = ["--proxy", str(plate.shape[1] // 2)]
    if row == "fixed":
        pullfocus(log, code, "coc", str(truth / "plate.####.png"), "--out", str(out / "coc"))
        more = ["--coc", str(out / "coc" / "plate_coc.####.exr")]
    if row == "truth":
        more = ["--coc", str(truth / "truth.####.exr")]
    solve, passes, report = out / "x.solve", out / "passes", out / "report"
    costs = [
        pullfocus(
            log,
            code,
            *("solve", str(truth / "plate.####.png")),
            *mattes,
            *("--out", str(solve), "--restart", *ROWS[row], *more),
        ),
        # nothing is known of the lens before a solve: nothing of the plate may be kept
        pullfocus(
            log,
            code,
            *("bake", str(solve), "--out", str(passes)),
            # the truth has none; checkouts from before it lay no grain
            *(["--no-regrain"] if (code.root / "core/pullfocus/bake/grain.py").exists() else []),
            *(["--no-keep-plate"] if row == "fusion" else []),
        ),
    ]
    pullfocus(log, HERE, "evaluate", str(passes), "--truth", str(truth), "--out", str(report))
    facts = json.loads((report / "report.json").read_text())
    return Measured(facts, reblur_db(solve / "log.jsonl"), *costs)


def line(clip: str, row: str, measured: Measured) -> str:
    """Return the line of the table."""
    figures = measured.facts["figures"]

    def shown(name: str, digits: int = 2, part: str = "mean") -> str:
        held = figures.get(name)
        return "" if held is None or held[part] is None else f"{held[part]:.{digits}f}"

    def pair(name: str, digits: int = 1) -> str:
        return " / ".join(shown(one, digits) for one in (f"plate_{name}", name) if one in figures)

    below = measured.facts["regions_below"]
    coc = " / ".join(shown(f"coc_{name}_radius") for name in ("subject", "background"))
    cells = [
        clip,
        row,
        shown("plate_psnr"),
        shown("psnr"),
        f"{measured.facts['gain_db']:+.2f}",
        shown("psnr", part="worst"),
        *(pair(f"{name}_psnr") for name in ("subject", "edge", "background", "region")),
        " / ".join(
            str(len(held)) for held in (measured.facts["worse_than_plate"], *below.values())
        ),
        pair("detail", 2),
        pair("subject_detail", 2),
        shown("holes"),
        pair("tof", 2),
        shown("lpips", 3),
        measured.reblur,
        "" if row == "fusion" else coc,
        shown("clean_behind_psnr"),
        f"{measured.solve.seconds:.0f} + {measured.bake.seconds:.0f}",
        f"{max(measured.solve.memory_gb, measured.bake.memory_gb):.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--rows", default="fusion,draft,standard", help=",".join(ROWS))
    parser.add_argument("--out", type=Path, help="keep solves, passes and pictures here")
    options = parser.parse_args()
    rows = options.rows.split(",")
    unknown = sorted(set(rows) - set(ROWS))
    if unknown:
        parser.error(f"expected rows of {', '.join(ROWS)}, got {', '.join(unknown)}")
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or Path(scratch)
        print(HEADER, flush=True)
        for clip in options.clips:
            for row in rows:
                measured = measure(clip, row, out / clip.name / row)
                print(line(clip.name, row, measured), flush=True)


if __name__ == "__main__":
    main()
