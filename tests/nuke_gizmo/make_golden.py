# SPDX-License-Identifier: Apache-2.0
"""Make the pictures that verify.py compares Nuke with: ``python -m tests.nuke_gizmo.make_golden``.

A drawn shot with a known lens, small; its passes as bake writes them, and what the core's refocus
and edit make of it.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from pullfocus.bake.atlases import finished_atlases
from pullfocus.bake.frame import frame_planes
from pullfocus.lens.virtual import layer_depths
from pullfocus.model.shot_model import ShotModel
from pullfocus.passes.contract import LayerEntry, Passes, atlas_channels, exr_metadata, pass_table
from pullfocus.passes.passes_json import write_passes_json
from pullfocus.plate.exr import Plane, write_exr
from pullfocus.refocus.new_lens import NewLens
from pullfocus.refocus.refocus import Refocuser
from pullfocus.refocus.render import focus_tint

from cuda_lensblur import Aperture
from tests.model.card_shot import card_model

FOLDER = Path(__file__).with_name("golden")
COUNT, HEIGHT, WIDTH, SHOWN = 9, 54, 96, 2
CARD = (slice(14, 46), slice(30, 66))
FOCUS = np.linspace(-3.0, 3.0, COUNT)
DEPTH = {"fg": -2.0, "bg": 2.5}
FIRST = 1001
MARGIN = 12  # light from outside the frame is not in the passes


def model_of() -> ShotModel:
    size = (COUNT, HEIGHT, WIDTH)
    model = card_model(CARD, size, names=("fg", "bg"), first=FIRST, focus=FOCUS, depth=DEPTH)
    for layer, texture in zip(model.layers, (stripes, bricks), strict=True):
        height, width = layer.texture.texels.shape[:2]
        layer.texture.set_linear(torch.from_numpy(texture(height, width)))
    return model


def stripes(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    on = ((x + y) // 6 % 2)[..., None]
    colour = on * np.array([0.8, 0.3, 0.1]) + (1 - on) * np.array([0.1, 0.15, 0.5])
    return np.ascontiguousarray(colour, np.float32)


def bricks(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    joint = (y % 8 < 1) | ((x + 8 * (y // 8 % 2)) % 16 < 1)
    light = (x % 32 == 20) & (y % 24 == 12)
    colour = np.where(joint[..., None], 0.6, np.array([0.35, 0.12, 0.08]))
    colour = colour * (0.6 + 0.4 * y[..., None] / height)
    return np.where(light[..., None], 0.95, colour).astype(np.float32)


def cases() -> list[dict]:
    wide = {"focus_mode": "layer", "focus_layer": "fg", "aperture": 1.4}
    iris = {"blades": 6, "rotation": 15, "rim": 0}
    found = [
        ("as shot", {}, 40, True),
        ("focus on fg", wide, 40, True),
        # passes hold the solve's radii, refocus takes the lens's: a wall in focus shows it most
        ("focus on bg", {"focus_mode": "layer", "focus_layer": "bg"}, 35, True),
        ("six blades", {**wide, **iris}, 40, True),
        ("fg kept sharp", {"fg_sharp": True}, 40, True),
        ("sharp", {"output": "sharp"}, 50, False),
        ("focal plane", {"output": "focal plane", "aperture": 0.5}, 28, True),
        ("matte", {"output": "matte"}, 35, True),
        (
            "painted atlas",
            {"output": "sharp", "bg_edit": "painted file", "bg_paint_file": "painted_bg.exr"},
            40,
            False,
        ),
    ]
    return [
        {
            "name": name,
            "knobs": knobs,
            "least_db": least,
            "blurs": blurs,
            "golden": f"golden_{name.replace(' ', '_')}.exr",
        }
        for name, knobs, least, blurs in found
    ]


def painted(atlas: np.ndarray) -> np.ndarray:
    out = atlas.copy()
    height, width = out.shape[:2]
    out[height // 5 : height // 2, width // 8 : width // 3] = (0.05, 0.7, 0.2)
    return out


def picture(view: Refocuser, edited: Refocuser, case: dict) -> np.ndarray:
    """What the core shows of a case, (h, w, 3)."""
    knobs, name = case["knobs"], case["name"]
    if name == "painted atlas":
        return edited.frame(SHOWN, focus=None, lens=NewLens(aperture=0)).colour
    if name == "sharp":
        return view.frame(SHOWN, focus=None, lens=NewLens(aperture=0)).colour
    bokeh = Aperture(blades=6, rotation_deg=15) if "blades" in knobs else None
    layer = knobs.get("focus_layer")
    focus = None if layer is None else view.depth_of(layer, SHOWN)
    sharp = frozenset({"fg"} if knobs.get("fg_sharp") else ())
    shown = view.frame(
        SHOWN,
        focus=focus,
        lens=NewLens(aperture=knobs.get("aperture", 1.0), bokeh=bokeh),
        keep_sharp=sharp,
    )
    if name == "focal plane":
        return focus_tint(shown)
    if name == "matte":
        return np.repeat(shown.matte[..., None], 3, 2)
    return shown.colour


def make(folder: Path) -> None:
    """Write everything into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model = model_of()
    view = Refocuser(model)
    atlases = finished_atlases(model)
    frame = FIRST + SHOWN
    layers = []
    for layer in model.layers:
        height, width = layer.texture.texels.shape[:2]
        layers.append(
            LayerEntry(layer.name, f"atlas_{layer.name}.exr", width, height, layer.matte is None)
        )
    passes = Passes(
        layers=tuple(layers),
        frames=(frame,),
        file_pattern="drawn.####.exr",
        width=WIDTH,
        height=HEIGHT,
        rate="24/1",
        colorspace="lin_rec709_srgb",
        coc_signed=True,
        plate="drawn by make_golden.py",
        lens_curve=view.virtual.record(
            range(FIRST, FIRST + COUNT), layer_depths(model, view.virtual)
        ),
    )
    metadata = exr_metadata(passes, depth_unit="px_radius")
    table = pass_table(("fg", "bg"), coc_signed=True, depth=True, motion=False)
    planes = frame_planes(model, SHOWN, table, plate=None, atlases=atlases, lens=view.virtual)
    write_exr(folder / passes.file_name(frame), planes, metadata=metadata)
    for layer, atlas in zip(model.layers, atlases, strict=True):
        plane = Plane(
            name="atlas",
            data=atlas[..., :3].numpy(),
            channels=atlas_channels(),
            half=True,
        )
        write_exr(folder / f"atlas_{layer.name}.exr", [plane], metadata=metadata)
    colour = painted(atlases[1][..., :3].numpy())
    plane = Plane(name="atlas", data=colour, channels=("R", "G", "B"), half=True)
    write_exr(folder / "painted_bg.exr", [plane], metadata={})
    repainted = torch.cat([torch.from_numpy(colour), atlases[1][..., 3:]], -1)
    edited = Refocuser(model, [atlases[0], repainted])
    write_passes_json(folder / "passes.json", passes)
    listed = cases()
    for case in listed:
        data = picture(view, edited, case).astype(np.float32)
        plane = Plane(name="beauty", data=data, channels=tuple("RGB"), half=True)
        write_exr(folder / case["golden"], [plane], metadata={})
    text = json.dumps({"frame": frame, "margin": MARGIN, "cases": listed}, indent=1)
    (folder / "cases.json").write_text(text + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
