# SPDX-License-Identifier: Apache-2.0
"""Render a clip of a subject that lives, with truth for everything (needs ``make blender``).

    python examples/render_clip.py figure --out DIR [--frames 28] [--width 512] [--samples 128]

| clip | what lives or misbehaves |
|---|---|
| figure | walks: bending limbs, folds of a coat, a scarf, thin hair and stalks |
| figure_blur | the same, with a shutter of 180 degrees |
| figure_turns | walks, turns round by 75 degrees, comes back |
| leaves | leaves the frame, returns |
| lamps | lights far above 1 on the figure and behind it; the plate clips |
| head | turns by 60 degrees and talks |

Cycles renders through its thin lens; pictures on all surfaces are drawn from a seed, so a clip may
be shown anywhere (CC0). Files are those of `make_clip.py`, and besides:

| file | what |
|---|---|
| matte.####.png | a hard, rough roto: off by some px, wobbling, without thin parts |
| region.####.png | head: the box round its mouth |
| still.####.png | with a shutter: the sharp frame without motion blur (sharp and alpha have it) |
| hdr.####.exr | lamps: the sharp frame, scene-linear, not clipped |
| lens.json | the lens: focus in metres and 1/m by frame, radius in px of one 1/m |

What is rendered is kept in DIR/render: a stopped run goes on, and `--keep` leaves it there.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from clip_recipes import RECIPES, Recipe
from figure_paint import paint_skins
from make_clip import save_png, save_truth
from market_paint import (
    NEAREST_FLOOR,
    STREET_HALF_WIDTH,
    TEXELS_PER_METRE,
    WALL_DISTANCE,
    WALL_HEIGHT,
    paint_street,
    to_display,
)
from tube_mesh import Part, tube

HERE = Path(__file__).resolve().parent
BPY_PYTHON = HERE.parent / ".venv-bpy" / "bin" / "python"
FPS = 24.0
CAMERA_HEIGHT = 1.0
FOCAL_OF_WIDTH = 1.1
LIGHT = (-0.5, -0.7, 0.5)
ROUGH_PX = 4.0
LAMPS = ((-2.2, 6.6, 2.1), (-0.9, 6.7, 1.75), (0.3, 6.7, 2.2), (1.1, 5.2, 1.9), (2.3, 6.6, 1.5))


# --- the job -------------------------------------------------------------------------------------


def card(texture: str, corners: list[tuple[float, float, float]]) -> Part:
    """A flat picture: corners counter-clockwise from its bottom left."""
    uv = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    return Part(texture, np.array(corners, float), np.array([[0, 1, 2, 3]]), uv)


def surroundings(glow: float) -> list[Part]:
    """A street: wall, floor, a barrel and a post before the wall, lamps if anything glows."""
    wide, wall, near = STREET_HALF_WIDTH, WALL_DISTANCE, NEAREST_FLOOR
    parts = [
        card("wall", [(-wide, wall, 0), (wide, wall, 0), (wide, wall, WALL_HEIGHT),
                      (-wide, wall, WALL_HEIGHT)]),
        card("floor", [(-wide, near, 0), (wide, near, 0), (wide, wall, 0), (-wide, wall, 0)]),
    ]  # fmt: skip
    up = np.array([0, 0, 1.0])
    s = np.linspace(0, 1, 16)
    side = np.array([1.0, 0, 0])
    barrel = np.array([-1.25, 5.7, 0]) + s[:, None] * 0.95 * up
    parts.append(
        tube("wicker", barrel, 0.30 + 0.07 * np.sin(np.pi * s), side, around=36, repeat=(6, 3))
    )
    post = np.array([1.55, 5.3, 0]) + s[:, None] * 2.6 * up
    parts.append(tube("knit", post, np.full(16, 0.06), side, around=16, repeat=(1, 9)))
    if glow > 1:
        for place in LAMPS:
            ball = np.array(place) + (np.cos(np.pi * s) * 0.05)[:, None] * up
            size = np.clip(0.05 * np.sin(np.pi * s), 0.002, None)
            parts.append(tube("petal", ball, size, side, around=16))
    return parts


def merged(parts: list[Part]) -> dict[str, Part]:
    """Join the parts that wear the same picture."""
    found: dict[str, Part] = {}
    for name in dict.fromkeys(part.texture for part in parts):
        own = [part for part in parts if part.texture == name]
        starts = np.cumsum([0] + [len(part.vertices) for part in own])
        faces = [part.faces + start for part, start in zip(own, starts, strict=False)]
        found[name] = Part(
            name,
            np.concatenate([part.vertices for part in own]),
            np.concatenate(faces),
            np.concatenate([part.uv for part in own]),
        )
    return found


def camera(time: float) -> tuple[float, float, float]:
    """A slow slide with a hand's unrest, time in seconds."""
    x = 0.14 * (time - 0.6) + 0.012 * math.sin(7 * time) + 0.004 * math.sin(17 * time + 1)
    return (x, 0.0, CAMERA_HEIGHT + 0.009 * math.sin(8 * time + 2) + 0.003 * math.sin(19 * time))


def describe(
    recipe: Recipe, folder: Path, *, width: int, height: int, frames: int, samples: int, seed: int,
    max_radius: float, threads: int,
) -> dict:  # fmt: skip
    """Write meshes and pictures; return the job for `clip_cycles.py`."""
    rng = np.random.default_rng(seed)
    street, skins = paint_street(rng), paint_skins(rng)
    ground = round(WALL_HEIGHT * TEXELS_PER_METRE)
    skins |= {"wall": street[:ground], "floor": street[ground:]}
    for name, skin in skins.items():
        save_png(folder / f"{name}.png", skin)
    times = [frame / FPS for frame in range(-1, frames + 1)]
    moving = [merged(recipe.subject(time)) for time in times]
    still = merged(surroundings(recipe.glow))
    meshes, surfaces = {}, []
    for subject, states in ((False, [still]), (True, moving)):
        for texture, part in states[0].items():
            name = f"{'subject' if subject else 'behind'}_{texture}"
            places = np.stack([state[texture].vertices for state in states])
            meshes |= {
                f"{name}.vertices": places.astype(np.float32),
                f"{name}.faces": part.faces.astype(np.int32),
                f"{name}.uv": part.uv.astype(np.float32),
            }
            glows = texture == "petal" and recipe.glow > 1
            surfaces.append(
                {
                    "name": name,
                    "picture": f"{texture}.png",
                    "subject": subject,
                    "smooth": len(part.faces) > 1,
                    "strength": recipe.glow if glows else 1.0,
                    "shade": 1.0 if len(part.faces) == 1 or glows else 0.45,
                    "light": LIGHT,
                }
            )
    np.savez(folder / "meshes.npz", **meshes)
    focal = FOCAL_OF_WIDTH * width
    near, far = 1 / recipe.distance, 1 / WALL_DISTANCE
    strength = max_radius / (near - far)
    last = max(frames - 1, 1)
    focus = [far + recipe.focus(frame / last) * (near - far) for frame in range(frames)]
    blurred = recipe.shutter_degrees > 0

    def shown(part: str, count: int, lens: bool, blur: bool) -> dict:
        return {"part": part, "samples": count, "lens": lens, "motion_blur": blur and blurred}

    fine = max(samples // 2, min(samples, 48))
    looks = {
        "plate": shown("all", samples, True, True),
        "sharp": shown("all", fine, False, True),
        "clean": shown("behind", fine, False, True),
        "subject": shown("subject", fine, False, True),
    }
    if blurred:
        looks["still"] = shown("all", fine, False, False)
        looks["subject_still"] = shown("subject", 8, False, False)
        looks["clean_still"] = shown("behind", 4, False, False)
    return {
        "width": width,
        "height": height,
        "frames": frames,
        "threads": threads,
        "focal_px": focal,
        "aperture_m": 2 * strength / focal,
        "radius_px_per_dioptre": strength,
        "focus_m": [1 / disparity for disparity in focus],
        "shutter_degrees": recipe.shutter_degrees,
        "camera": [camera(time) for time in times],
        "surfaces": surfaces,
        "looks": looks,
    }


# --- from looks to a clip ------------------------------------------------------------------------


def read_look(path: Path) -> dict[str, np.ndarray]:
    """Combined (H, W, 4), Depth (H, W) and, where it is, Vector (H, W, 4) of a rendered look."""
    from pullfocus.plate.exr import read_exr

    planes: dict[str, dict[str, np.ndarray]] = {}
    for name, values in read_exr(path).items():
        *_, kind, channel = name.split(".")
        planes.setdefault(kind, {})[channel] = values
    found = {"Combined": np.stack([planes["Combined"][c] for c in "RGBA"], -1)}
    found["Depth"] = next(iter(planes["Depth"].values()))
    if "Vector" in planes:
        vector = planes["Vector"]
        found["Vector"] = np.stack([vector[c] for c in ("X", "Y", "Z", "W")], -1)
    return found


def rough_matte(alpha: np.ndarray, rng: np.random.Generator, px: float = ROUGH_PX) -> np.ndarray:
    """A hard roto (H, W), 0 or 1: thin parts are lost, the outline wobbles by about `px`."""
    core = cv2.morphologyEx(
        (alpha > 0.5).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)
    )
    if not core.any():
        return core.astype(np.float32)
    inside = cv2.distanceTransform(core, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(1 - core, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    height, width = alpha.shape
    coarse = rng.normal(0, 1, (max(height // 24, 2), max(width // 24, 2))).astype(np.float32)
    wobble = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return (outside - inside < px * (0.4 + 0.8 * wobble)).astype(np.float32)


def filled(depth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Depth where it is valid, elsewhere that of the nearest valid pixel."""
    from scipy.ndimage import distance_transform_edt

    if not valid.any():
        return np.full_like(depth, WALL_DISTANCE)
    rows, columns = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return depth[rows, columns]


def projected_box(points: np.ndarray, eye: tuple[float, float, float], job: dict) -> np.ndarray:
    """Mask (H, W) of the box round world points as the camera sees them."""
    x = job["width"] / 2 + job["focal_px"] * (points[:, 0] - eye[0]) / (points[:, 1] - eye[1])
    y = job["height"] / 2 - job["focal_px"] * (points[:, 2] - eye[2]) / (points[:, 1] - eye[1])
    mask = np.zeros((job["height"], job["width"]), np.float32)
    low = np.floor([max(y.min(), 0), max(x.min(), 0)]).astype(int)
    high = np.ceil([max(y.max(), 0), max(x.max(), 0)]).astype(int)
    mask[low[0] : high[0], low[1] : high[1]] = 1
    return mask


def compose(folder: Path, out: Path, job: dict, recipe: Recipe, seed: int) -> None:
    """Write the clip's files from the rendered looks."""
    blurred = job["shutter_degrees"] > 0
    for frame in range(1, job["frames"] + 1):
        name = f"{frame:04d}"

        def held(look: str, name: str = name) -> dict[str, np.ndarray]:
            return read_look(folder / f"{look}.{name}.exr")

        plate, sharp, clean, subject = map(held, ("plate", "sharp", "clean", "subject"))
        still = held("still") if blurred else sharp
        depth_of = held("subject_still") if blurred else subject
        behind = held("clean_still") if blurred else clean
        alpha = np.round(np.clip(subject["Combined"][..., 3], 0, 1) * 255) / 255
        focus = 1 / job["focus_m"][frame - 1]
        strength = job["radius_px_per_dioptre"]
        near = strength * (focus - 1 / filled(depth_of["Depth"], depth_of["Depth"] < 1e3))
        far = strength * (focus - 1 / filled(behind["Depth"], behind["Depth"] < 1e3))
        in_front = alpha > 0.5
        rng = np.random.default_rng((seed, frame))
        light = plate["Combined"][..., :3]
        noise = rng.standard_normal(light.shape) * np.sqrt(4e-6 * np.maximum(light, 0) + 4e-8)
        save_png(out / f"plate.{name}.png", to_display(light + noise))
        save_png(out / f"sharp.{name}.png", to_display(sharp["Combined"][..., :3]))
        save_png(out / f"clean.{name}.png", to_display(clean["Combined"][..., :3]))
        save_png(out / f"alpha.{name}.png", alpha)
        save_png(out / f"matte.{name}.png", rough_matte(alpha, rng))
        if blurred:
            save_png(out / f"still.{name}.png", to_display(still["Combined"][..., :3]))
        if recipe.region is not None:
            points = recipe.region((frame - 1) / FPS)
            box = projected_box(points, job["camera"][frame], job)
            save_png(out / f"region.{name}.png", box)
        if recipe.glow > 1:
            light = dict(zip("RGB", np.moveaxis(sharp["Combined"][..., :3], -1, 0), strict=True))
            save_truth(out / f"hdr.{name}.exr", light)
        vector = still["Vector"]
        save_truth(
            out / f"truth.{name}.exr",
            {
                "coc.X": np.where(in_front, near, far),
                "cocfg.X": np.where(alpha > 0, near, 0.0),
                "cocbg.X": far,
                # Cycles tells where a point came from, then, negated, where it goes; y up
                "flow.X": -vector[..., 2],
                "flow.Y": vector[..., 3],
            },
        )
    facts = {
        "focus_m": job["focus_m"],
        "focus_dioptre": [1 / metres for metres in job["focus_m"]],
        "radius_px_per_dioptre": job["radius_px_per_dioptre"],
        "shutter_degrees": job["shutter_degrees"],
    }
    (out / "lens.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def render_clip(
    name: str, out: Path, *, width: int = 512, height: int = 288, frames: int = 28,
    samples: int = 128, seed: int = 11, max_radius: float | None = None, threads: int = 2,
    keep: bool = False,
) -> None:  # fmt: skip
    """Write the clip `name` into `out`. `max_radius` in px; by default 1.6 % of the width."""
    if not BPY_PYTHON.exists():
        raise SystemExit(f"expected bpy in {BPY_PYTHON}: run make blender")
    recipe = RECIPES[name]
    folder = out / "render"
    folder.mkdir(parents=True, exist_ok=True)
    radius = 0.016 * width if max_radius is None else max_radius
    job = describe(
        recipe, folder, width=width, height=height, frames=frames, samples=samples, seed=seed,
        max_radius=radius, threads=threads,
    )  # fmt: skip
    text = json.dumps(job)
    known = folder / "job.json"
    if known.exists() and known.read_text() != text:
        raise SystemExit(f"{folder} holds another rendering: remove it, or take another --out")
    known.write_text(text)
    command = [str(BPY_PYTHON), str(HERE / "clip_cycles.py"), str(folder)]
    log = folder / "log.txt"
    with log.open("w") as stream:
        if subprocess.run(command, stdout=stream, stderr=stream, check=False).returncode:
            raise SystemExit(f"Blender failed: {log}\n{log.read_text()[-2000:]}")
    compose(folder, out, job, recipe, seed)
    if not keep:
        shutil.rmtree(folder)


def main() -> int:
    """Read the command line, render."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=tuple(RECIPES))
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--height", type=int, default=288)
    parser.add_argument("--frames", type=int, default=28)
    parser.add_argument("--samples", type=int, default=128, help="of the plate; others take half")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument(
        "--max-radius", type=float, help="largest COC radius in px (1.6%% of width)"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep what was rendered")
    options = vars(parser.parse_args())
    render_clip(options.pop("name"), options.pop("out"), **options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
