# SPDX-License-Identifier: Apache-2.0
"""Draw the PullFocus node group as Blender holds it, beside renders of its compositor.

    python examples/blender_picture.py passes/ --bpy .venv-bpy/bin/python --out docs

Blender as a Python module has no window: it imports the passes with the extension, renders a few
views, and tells where nodes lie and how they are linked; OpenCV draws them from that.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ROOT = Path(__file__).parents[1]
INSIDE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import bpy
from blender_addon import compat
from blender_addon.focus import layer_depth
from blender_addon.import_passes import import_passes
from blender_addon.passes import read_passes
from blender_addon.group_views import show_view
folder, out, frame = sys.argv[2], sys.argv[3], int(sys.argv[4])
scene = bpy.context.scene
passes = read_passes(folder)
done = import_passes(scene, passes)
group, node = done.group, done.node
compat.render_on_cpu(scene)
scene.view_settings.view_transform = "Standard"
scene.render.image_settings.file_format = "PNG"
scene.frame_set(frame)
near = node.inputs["Focus"].default_value
shots = [
    ("plate", {"Follow Plate": 1.0}),
    ("sharp", {"View": 3}),
    ("subject", {"Aperture": 1.5}),
    ("far", {"Focus": layer_depth(passes, passes.layers[-1].name), "Aperture": 1.5}),
    ("plane", {"View": 1}),
    ("coc", {"View": 6}),
]
for name, inputs in shots:
    defaults = {"View": 0, "Focus": near, "Follow Plate": 0.0, "Aperture": 1.0}
    for key, value in {**defaults, **inputs}.items():
        if key == "View":
            show_view(node, value)
        else:
            node.inputs[key].default_value = value
    scene.render.filepath = f"{out}/{name}.png"
    bpy.ops.render.render(write_still=True)

def socket(one):
    return {"name": one.name, "type": one.type, "on": one.is_linked, "hidden": one.hide}

def place(one):
    x, y = one.location
    return [x, y] if one.parent is None else [x + one.parent.location.x, y + one.parent.location.y]

def drawn(tree):
    order = {one.name: index for index, one in enumerate(tree.nodes)}
    return {
        "nodes": [
            {
                "name": one.label or one.bl_label, "kind": one.type, "at": place(one),
                "width": one.width, "collapsed": one.hide,
                "colour": list(one.color) if one.use_custom_color else None,
                "parent": order[one.parent.name] if one.parent else None,
                "inputs": [socket(s) for s in one.inputs],
                "outputs": [socket(s) for s in one.outputs],
            }
            for one in tree.nodes
        ],
        "links": [
            [order[l.from_node.name], list(l.from_node.outputs).index(l.from_socket),
             order[l.to_node.name], list(l.to_node.inputs).index(l.to_socket)]
            for l in tree.links
        ],
    }

with open(f"{out}/tree.json", "w") as file:
    json.dump({"tree": drawn(group), "version": bpy.app.version_string}, file)
"""

INK, PAPER, LINE = (235, 235, 235), (38, 38, 38), (120, 120, 120)
SOCKETS = {"RGBA": (41, 199, 199), "VALUE": (161, 161, 161), "VECTOR": (199, 99, 99)}
HEADERS = {
    "GROUP_INPUT": (60, 60, 60),
    "GROUP_OUTPUT": (60, 60, 60),
    "IMAGE": (40, 78, 140),
    "ALPHAOVER": (70, 110, 70),
    "BOKEHBLUR": (120, 70, 110),
}
ROW, HEAD = 22, 24


def visible(sockets: list[dict[str, Any]]) -> list[int]:
    """Indices of sockets that are linked; the others are left out to keep the drawing small."""
    return [index for index, one in enumerate(sockets) if one["on"] and not one["hidden"]]


def size_of(node: dict[str, Any]) -> tuple[int, int]:
    """Width and height of a node, units of Blender's grid."""
    if node["collapsed"]:
        return int(node["width"]), HEAD
    rows = len(visible(node["inputs"])) + len(visible(node["outputs"]))
    return int(node["width"]), HEAD + ROW * rows + 6


def socket_at(node: dict[str, Any], index: int, *, output: bool) -> tuple[float, float]:
    """Where a link meets a node."""
    width, _ = size_of(node)
    x, y = node["at"]
    if node["collapsed"]:
        return (x + width if output else x), y - HEAD / 2
    outputs, inputs = visible(node["outputs"]), visible(node["inputs"])
    row = outputs.index(index) if output else len(outputs) + inputs.index(index)
    return (x + width if output else x), y - HEAD - ROW * (row + 0.5)


def draw(tree: dict[str, Any], scale: float) -> np.ndarray:
    """Draw a node tree."""
    nodes = tree["nodes"]
    frames = {}
    for index, node in enumerate(nodes):
        if node["kind"] == "FRAME":
            inside = [n for n in nodes if n["parent"] == index]
            x0 = min(n["at"][0] for n in inside) - 24
            x1 = max(n["at"][0] + size_of(n)[0] for n in inside) + 24
            y0 = min(n["at"][1] - size_of(n)[1] for n in inside) - 24
            y1 = max(n["at"][1] for n in inside) + 54
            frames[index] = (x0, y0, x1, y1)
    left = min(box[0] for box in frames.values()) - 30
    ends = [n["at"][0] + size_of(n)[0] for n in nodes] + [box[2] for box in frames.values()]
    right = max(ends) + 30
    top = max(box[3] for box in frames.values()) + 30
    bottom = min(box[1] for box in frames.values()) - 30
    sheet = np.full((int((top - bottom) * scale), int((right - left) * scale), 3), PAPER, np.uint8)

    def to(x: float, y: float) -> tuple[int, int]:
        return round((x - left) * scale), round((top - y) * scale)

    def text(words: str, x: float, y: float, size: float, colour: tuple = INK) -> None:
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(sheet, words, to(x, y), font, size * scale, colour, 1, cv2.LINE_AA)

    for index, (x0, y0, x1, y1) in frames.items():
        red, green, blue = (int(255 * c) for c in nodes[index]["colour"] or (0.3, 0.3, 0.3))
        cv2.rectangle(sheet, to(x0, y1), to(x1, y0), (blue, green, red), -1)
        text(nodes[index]["name"], x0 + 14, y1 - 34, 1.1)
    for a, out, b, into in tree["links"]:
        start = np.array(socket_at(nodes[a], out, output=True))
        end = np.array(socket_at(nodes[b], into, output=False))
        bend = np.array([max(60.0, abs(end[0] - start[0]) / 2), 0])
        t = np.linspace(0, 1, 40)[:, None]
        curve = (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * (start + bend)
        curve = curve + 3 * (1 - t) * t**2 * (end - bend) + t**3 * end
        points = np.array([to(x, y) for x, y in curve])
        colour = SOCKETS.get(nodes[a]["outputs"][out]["type"], LINE)[::-1]
        cv2.polylines(sheet, [points], False, colour, 1, cv2.LINE_AA)
    for node in nodes:
        if node["kind"] == "FRAME":
            continue
        x, y = node["at"]
        width, height = size_of(node)
        head = HEADERS.get(node["kind"], (70, 70, 70))[::-1]
        cv2.rectangle(sheet, to(x, y), to(x + width, y - height), (58, 58, 58), -1)
        cv2.rectangle(sheet, to(x, y), to(x + width, y - HEAD), head, -1)
        cv2.rectangle(sheet, to(x, y), to(x + width, y - height), (20, 20, 20), 1, cv2.LINE_AA)
        text(node["name"][:26], x + 8, y - 17, 0.5)
        if node["collapsed"]:
            continue
        for output, sockets in ((True, node["outputs"]), (False, node["inputs"])):
            for index in visible(sockets):
                sx, sy = socket_at(node, index, output=output)
                colour = SOCKETS.get(sockets[index]["type"], LINE)[::-1]
                cv2.circle(sheet, to(sx, sy), max(2, round(5 * scale)), colour, -1, cv2.LINE_AA)
                text(sockets[index]["name"], x + (width - 90 if output else 12), sy - 5, 0.45)
    return sheet


def contact_sheet(folder: Path, names: dict[str, str]) -> np.ndarray:
    """Lay renders side by side, three in a row, with a line of text under each."""
    cells = []
    for name, words in names.items():
        picture = cv2.imread(str(folder / f"{name}.png"))
        picture = cv2.resize(picture, (384, 216), interpolation=cv2.INTER_AREA)
        cell = np.full((216 + 28, 384, 3), PAPER, np.uint8)
        cell[:216] = picture
        cv2.putText(cell, words, (6, 216 + 19), cv2.FONT_HERSHEY_SIMPLEX, 0.48, INK, 1, cv2.LINE_AA)
        cells.append(cell)
    return np.vstack([np.hstack(cells[i : i + 3]) for i in range(0, len(cells), 3)])


def main() -> None:
    """Write blender_nodes.png and blender_views.jpg."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("passes", type=Path)
    parser.add_argument("--bpy", type=Path, default=ROOT / ".venv-bpy/bin/python")
    parser.add_argument("--frame", type=int, default=17)
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arguments = [str(ROOT), str(options.passes.absolute()), name, str(options.frame)]
        subprocess.run(
            [str(options.bpy), "-c", INSIDE, *arguments], check=True, stdout=subprocess.DEVNULL
        )
        found = json.loads((folder / "tree.json").read_text())
        sheet = contact_sheet(
            folder,
            {
                "plate": "Follow Plate 1: as it was shot",
                "sharp": "View Sharp",
                "subject": "Focus on fg, Aperture 1.5",
                "far": "Focus on bg, Aperture 1.5",
                "plane": "View Focal Plane",
                "coc": "View COC",
            },
        )
        cv2.imwrite(str(options.out / "blender_views.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 92])
    nodes = draw(found["tree"], 0.42)
    cv2.imwrite(str(options.out / "blender_nodes.png"), nodes, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"Blender {found['version']}: {options.out}/blender_nodes.png, blender_views.jpg")


if __name__ == "__main__":
    sys.exit(main())
