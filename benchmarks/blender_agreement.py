# SPDX-License-Identifier: Apache-2.0
"""How well the PullFocus group in Blender agrees with `pullfocus` on the same solve, and how fast.

    python benchmarks/blender_agreement.py X.solve passes/ --bpy .venv-bpy/bin/python

Prints PSNR of the display-encoded picture for each setting, mean over a few frames, and Blender's
seconds a frame on the CPU compositor, EXR writing included.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from pullfocus.plate.exr import read_exr
from pullfocus.refocus.new_lens import NewLens
from pullfocus.refocus.refocus import Refocuser
from pullfocus.solve.solved import load_solve

ROOT = Path(__file__).parents[1]
INSIDE = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import bpy
from blender_addon import compat
from blender_addon.import_passes import import_passes
from blender_addon.passes import read_passes
from blender_addon.group_views import show_view
order = json.loads(open(sys.argv[2]).read())
scene = bpy.context.scene
node = import_passes(scene, read_passes(order["passes"])).node
compat.render_on_cpu(scene)
compat.write_exr(scene.render.image_settings)
seconds = {}
for name, inputs in order["settings"].items():
    seconds[name] = []
    for frame in order["frames"]:
        scene.frame_set(frame)
        base = {"View": 0, "Aperture": 1.0, "Follow Plate": 0.0, "Focus": 0.0}
        sharp = {socket.name: 0.0 for socket in node.inputs if socket.name.endswith(" Sharp")}
        for key, value in {**base, **sharp, **inputs}.items():
            if key == "View":
                show_view(node, value)
            else:
                node.inputs[key].default_value = value
        scene.render.filepath = f"{order['out']}/{name}.{frame}.exr"
        began = time.perf_counter()
        bpy.ops.render.render(write_still=True)
        seconds[name].append(time.perf_counter() - began)
with open(order["out"] + "/seconds.json", "w") as file:
    json.dump([bpy.app.version_string, seconds], file)
"""


def display(light: np.ndarray) -> np.ndarray:
    """Encode scene-linear light for display, sRGB curve, 0..1."""
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """PSNR in dB of two (h, w, 3) scene-linear pictures, display-encoded."""
    apart = (display(first) - display(second)) ** 2
    return float(-10 * np.log10(max(apart.mean(), 1e-12)))


def rendered(path: Path) -> np.ndarray:
    """Read R G B of a render, (h, w, 3); 5.x puts a layer before channel names."""
    channels = {name.rsplit(".", 1)[-1]: data for name, data in read_exr(path).items()}
    return np.dstack([channels[c] for c in "RGB"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("solve", type=Path)
    parser.add_argument("passes", type=Path)
    parser.add_argument("--bpy", type=Path, default=ROOT / ".venv-bpy/bin/python")
    parser.add_argument("--frames", type=int, default=3, help="how many, spread over the shot")
    options = parser.parse_args()
    if not json.loads((options.passes / "passes.json").read_text())["lens_curve"]:
        parser.error(f"expected passes of a shot in which focus moves, got {options.passes}")
    shot, model = load_solve(options.solve)
    view = Refocuser(model)
    first, last = model.layer_names[0], model.layer_names[-1]
    depths = [view.depth_of(name, 0) for name in (first, last)]
    settings = {
        "sharp": ({"View": 3}, {"focus": None, "lens": NewLens(aperture=0)}),
        f"focus on {first}": ({"Focus": depths[0]}, {"focus": depths[0]}),
        f"focus on {last}": ({"Focus": depths[1]}, {"focus": depths[1]}),
        "between": ({"Focus": sum(depths) / 2}, {"focus": sum(depths) / 2}),
        f"{first}, aperture 2": (
            {"Focus": depths[0], "Aperture": 2.0},
            {"focus": depths[0], "lens": NewLens(aperture=2)},
        ),
        f"plate's blur, {first} sharp": (
            {"Follow Plate": 1.0, f"{first} Sharp": 1.0},
            {"focus": None, "keep_sharp": frozenset([first])},
        ),
    }
    indices = np.linspace(0, len(shot.frames) - 1, options.frames + 2).round().astype(int)[1:-1]
    with tempfile.TemporaryDirectory() as name:
        order = {
            "passes": str(options.passes.absolute()),
            "out": name,
            "settings": {key: inputs for key, (inputs, _) in settings.items()},
            "frames": [shot.frames[t] for t in indices],
        }
        (Path(name) / "order.json").write_text(json.dumps(order))
        subprocess.run(
            [str(options.bpy), "-c", INSIDE, str(ROOT), f"{name}/order.json"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        version, seconds = json.loads((Path(name) / "seconds.json").read_text())
        size = f"{model.observed.width}x{model.observed.height}"
        print(f"Blender {version}, {size}, {len(indices)} frames\n")
        print("| setting | against pullfocus | largest radius | Blender |\n|---|---|---|---|")
        for key, (_, wanted) in settings.items():
            found, radius = [], 0.0
            for t in indices:
                truth = view.frame(int(t), **wanted)
                found.append(
                    psnr(rendered(Path(name) / f"{key}.{shot.frames[t]}.exr"), truth.colour)
                )
                radius = max(radius, float(np.abs(truth.coc).max()))
            cost = np.mean(seconds[key])
            print(f"| {key} | {np.mean(found):.1f} dB | {radius:.1f} px | {cost:.2f} s |")


if __name__ == "__main__":
    main()
