# SPDX-License-Identifier: Apache-2.0
"""Focus pulled by pullfocus against focus pulled by rendering again (needs ``make blender``).

    python benchmarks/cycles_refocus.py --out DIR [--size W H] [--quality standard]

Cycles renders a street with a passer-by through a thin lens that is focused wrongly most of the
time; pullfocus solves that plate and its matte, nothing else; Cycles renders the scene again,
focused on the subject, on the wall, and on the subject with a wider lens, and ``pullfocus refocus``
is asked for the same. Mean PSNR of display-encoded frames in dB, beside what the plate itself would
score. A sheet of pictures is written beside. What DIR holds already is not made again.

``--night`` darkens the street and hangs lamps; ``--blades`` and ``--rotation`` give Cycles an iris,
``--hood`` a ring before the lens that moves over it by so many of its radii in the corner, a cat's
eye. With ``--lens auto`` the lens that was found is printed beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from pullfocus.plate.colour import linear_to_display
from pullfocus.plate.exr import read_exr

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "examples"))
BPY_PYTHON = HERE.parent / ".venv-bpy" / "bin" / "python"
FRAMES = 20
COMPARED = (2, 6, 10, 14, 18)
SUBJECT_M, WALL_M, CAMERA_HEIGHT_M = 3.0, 7.0, 1.0
WALL_PLACE = (0.06, 0.12)  # of the frame's width and height: never the subject's
LOOKS = {  # name: focus in metres, aperture, what pullfocus is asked for
    "subject": (SUBJECT_M, 1.0, ("--focus", "fg")),
    "wall": (WALL_M, 1.0, ("--focus-point", "{wall}")),
    "wider": (SUBJECT_M, 1.5, ("--focus", "fg", "--aperture", "1.5")),
}


def lamps(wall: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a wall by night, with small lamps of all colours."""
    night = 0.22 * wall
    height, width = wall.shape[:2]
    y, x = np.mgrid[:height, :width]
    for _ in range(90):
        at, size = rng.uniform((0.03, 0.05), (0.97, 0.95)) * (width, height), rng.uniform(2.0, 4.5)
        light = 14 * rng.uniform(0.35, 1.0, 3)
        left, top = (int(max(0, v - 9)) for v in at)
        piece = np.s_[top : top + 18, left : left + 18]
        inside = np.hypot(x[piece] - at[0], y[piece] - at[1]) < size
        night[piece][inside] = light
    return night


def cards(out: Path, *, night: bool) -> list[dict]:
    """Paint the pictures; say where they hang, corners counter-clockwise from bottom left."""
    import market_paint as paint
    import OpenImageIO as oiio
    from market_subject import paint_walker

    rng = np.random.default_rng(7)
    street, walker = paint.paint_street(rng), paint_walker(rng)
    ground = round(paint.WALL_HEIGHT * paint.TEXELS_PER_METRE)
    wall, floor = paint.to_linear(street[:ground]), paint.to_linear(street[ground:])
    if night:
        wall, floor = lamps(wall, rng), 0.22 * floor
    solid = walker.rgba[..., 3:]
    person = np.concatenate([walker.rgba[..., :3] / np.maximum(solid, 1e-3), solid], -1)
    wide, low, near = paint.STREET_HALF_WIDTH, -CAMERA_HEIGHT_M, -paint.NEAREST_FLOOR
    top, half = low + paint.WALL_HEIGHT, walker.half_width
    hung = {
        "wall": (wall, wide, (low, -WALL_M), (top, -WALL_M)),
        "floor": (floor, wide, (low, near), (low, -WALL_M)),
        "subject": (person, half, (low, -SUBJECT_M), (low + walker.height, -SUBJECT_M)),
    }
    described = []
    for name, (picture, right, bottom, upper) in hung.items():
        path = out / f"{name}.exr"
        image = oiio.ImageBuf(np.ascontiguousarray(picture, np.float32))
        if not image.write(str(path), "half"):
            raise OSError(f"cannot write {path}: {image.geterror()}")
        edges = ((-right, bottom), (right, bottom), (right, upper), (-right, upper))
        corners = [(x, *edge) for x, edge in edges]
        cut_out = picture.shape[2] == 4
        described.append(
            {"name": name, "picture": str(path.resolve()), "cut_out": cut_out, "corners": corners}
        )
    return described


def job(out: Path, given: argparse.Namespace) -> dict:
    """Describe the whole rendering: a slide of the camera, a walk, focus far, near, far."""
    width, height = given.size
    focal_px = 1.1 * width
    apart = 1 / SUBJECT_M - 1 / WALL_M
    aperture_m = 2 * given.blur * width / (focal_px * apart)
    frames = []
    for number in range(1, FRAMES + 1):
        t = (number - 1) / (FRAMES - 1)
        near = 0.5 - 0.5 * math.cos(2 * math.pi * t)
        frames.append(
            {
                "number": number,
                "camera": (0.3 * (t - 0.5), 0.02 * math.sin(7 * t)),
                "subject": (0.62 * (0.5 - t), 0.018 * abs(math.sin(10 * t))),
                "focus_m": 1 / (1 / WALL_M + near * apart),
            }
        )

    def look(name: str, focus_m: float | None, aperture: float, **other: object) -> dict:
        base = {"name": name, "focus_m": focus_m, "aperture_m": aperture * aperture_m}
        return {**base, "subject_alone": False, "frames": None, **other}

    looks = [
        look("plate", None, 1),
        look("matte", None, 0, subject_alone=True),
        look("sharp", None, 0, frames=COMPARED),
    ]
    looks += [look(name, at, wide, frames=COMPARED) for name, (at, wide, _) in LOOKS.items()]
    return {
        "out": str(out.resolve()),
        "width": width,
        "height": height,
        "samples": given.samples,
        "blades": given.blades,
        "rotation_deg": given.rotation,
        "hood": given.hood,
        "corner": math.hypot(width, height) / 2 / focal_px,
        "depth_m": 2 / (1 / SUBJECT_M + 1 / WALL_M),
        "focal_px": focal_px,
        "frames": frames,
        "cards": cards(out, night=given.night),
        "looks": looks,
    }


def pullfocus(*arguments: str | Path) -> None:
    """Run the command line as a user does; stop where it fails."""
    command = [sys.executable, "-m", "pullfocus.cli", *map(str, arguments)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"failed: {' '.join(command)}")


def shown(path: Path) -> np.ndarray:
    """Read a scene-linear frame, display-encoded (h, w, 3)."""
    held = read_exr(path)
    return linear_to_display(np.dstack([held[c] for c in "RGB"])).clip(0, 1)


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    """Compare display-encoded frames, dB."""
    return -10 * math.log10(max(float(np.square(one - two).mean()), 1e-12))


def render(out: Path, given: argparse.Namespace) -> None:
    """Let Cycles render everything, unless it is there."""
    if (out / f"wider.{COMPARED[-1]:04d}.exr").exists():
        return
    if not BPY_PYTHON.exists():
        raise SystemExit(f"expected bpy in {BPY_PYTHON}: run make blender")
    (out / "job.json").write_text(json.dumps(job(out, given)))
    scene = HERE / "cycles_scene.py"
    subprocess.run([BPY_PYTHON, scene, out / "job.json"], check=True, stdout=subprocess.DEVNULL)


def true_lens(given: argparse.Namespace) -> dict[str, float]:
    """Return what Cycles's lens is called here: irises turn clockwise in its pictures."""
    return {
        "blades": given.blades,
        "rotation_deg": -given.rotation % (360 / max(given.blades, 1)),
        "cats_eye": given.hood,
    }


def row(name: str, out: Path, ours: str, cells: list[np.ndarray]) -> str:
    """Score one look over the compared frames; appends pictures of the middle one."""
    got, before = [], []
    for number in COMPARED:
        true = shown(out / f"{name}.{number:04d}.exr")
        plate = shown(out / f"plate.{number:04d}.exr")
        result = shown(Path(ours.replace("####", f"{number:04d}")))
        got.append(psnr(result, true))
        before.append(psnr(plate, true))
        if number == COMPARED[1]:
            cells.append(np.hstack([plate, result, true, (4 * np.abs(result - true)).clip(0, 1)]))
    return f"| {name} | {np.mean(before):.1f} | {np.mean(got):.1f} | {min(got):.1f} |"


def main() -> None:
    """Render, solve, refocus, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(320, 180), metavar=("W", "H"))
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--quality", default="standard")
    parser.add_argument("--blur", type=float, default=0.02, help="of the width, subject to wall")
    parser.add_argument("--night", action="store_true")
    parser.add_argument("--blades", type=int, default=0)
    parser.add_argument("--rotation", type=float, default=0.0, help="degrees")
    parser.add_argument("--hood", type=float, default=0.0)
    parser.add_argument("--lens", default="round", help="as solve, bake and refocus take it")
    given = parser.parse_args()
    out, (width, height) = given.out, given.size
    out.mkdir(parents=True, exist_ok=True)
    render(out, given)
    solve = out / "x.solve"
    if not (out / "passes" / "passes.json").exists():
        plate, matte = out / "plate.####.exr", f"fg={out / 'matte.####.exr'}"
        how = "--quality", given.quality, "--lens", given.lens
        pullfocus("solve", plate, "--matte", matte, *how, "--out", solve)
        pullfocus("bake", solve, "--out", out / "passes", "--no-keep-plate", "--lens", given.lens)
    cells: list[np.ndarray] = []
    lines = [row("sharp", out, str(out / "passes" / "plate.####.exr"), cells)]
    wall = f"{WALL_PLACE[0] * width:.0f},{WALL_PLACE[1] * height:.0f}@{COMPARED[0]}"
    for name, (_, _, asked) in LOOKS.items():
        arguments = [*(a.format(wall=wall) for a in asked), "--lens", given.lens]
        pullfocus("refocus", solve, "--out", out / f"ours_{name}", *arguments)
        lines.append(row(name, out, str(out / f"ours_{name}" / "plate_refocus.####.exr"), cells))
    if given.lens == "auto":
        found = json.loads((out / "passes" / "passes.json").read_text())["plate_lens"]
        print(f"lens found: {found}\ntrue: {true_lens(given)}")
    print("| look | plate dB | pullfocus dB | worst frame |\n|---|---|---|---|")
    print("\n".join(lines))
    sheet = (np.vstack(cells) * 255).round().astype(np.uint8)
    cv2.imwrite(str(out / "sheet.png"), sheet[..., ::-1])
    print(f"plate, pullfocus, Cycles, difference x4: {out / 'sheet.png'}")


if __name__ == "__main__":
    main()
