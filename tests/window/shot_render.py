# SPDX-License-Identifier: Apache-2.0
"""Runs in Blender: renders a shot's passes through PullFocus Shot, linked by hand.

    blender -b --factory-startup --python shot_render.py -- LIBRARY PASSES FOLDER

FOLDER holds cases.json, by name {"frame", "inputs"}; NAME.exr is left beside it. Where a case names
"painted", that file is the atlas of the layer in front as painted.
"""

import json
import sys
from pathlib import Path

import bpy

LIBRARY, PASSES, FOLDER = sys.argv[sys.argv.index("--") + 1 :]
with bpy.data.libraries.load(LIBRARY, assets_only=True) as (held, wanted):
    wanted.node_groups = held.node_groups
(SHOT,) = wanted.node_groups

scene = bpy.context.scene
tree = bpy.data.node_groups.new("all", "CompositorNodeTree")
tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
scene.compositing_node_group = tree
end = tree.nodes.new("NodeGroupOutput")
shot = tree.nodes.new("CompositorNodeGroup")
shot.node_tree = SHOT
tree.links.new(shot.outputs["Image"], end.inputs[0])


def image_node(path):
    node = tree.nodes.new("CompositorNodeImage")
    node.image = bpy.data.images.load(str(path))
    return node


def link(node, name, to):
    tree.links.new(node.outputs[name], shot.inputs[to])


record = json.loads((Path(PASSES) / "passes.json").read_text())
render = scene.render
render.compositor_device, render.compositor_precision = "CPU", "FULL"
render.resolution_x, render.resolution_y = record["width"], record["height"]
render.image_settings.media_type = "IMAGE"
render.image_settings.file_format, render.image_settings.color_mode = "OPEN_EXR", "RGBA"
render.image_settings.color_depth = "32"
for name, case in json.loads((Path(FOLDER) / "cases.json").read_text()).items():
    source = image_node(Path(PASSES) / case["file"])
    for given, to in (
        ("fg", "Front"),
        ("fg_coc", "Front COC"),
        ("fg_uv", "Front UV"),
        ("bg", "Back"),
        ("bg_coc", "Back COC"),
        ("bg_uv", "Back UV"),
        ("Combined", "Beauty"),
        ("confidence", "Confidence"),
    ):
        link(source, given, to)
    if "painted" in case:
        link(image_node(Path(PASSES) / "atlas_fg.exr"), "Image", "Front Atlas")
        link(image_node(case["painted"]), "Image", "Front Painted")
    for key, value in case["inputs"].items():
        shot.inputs[key].default_value = value
    render.filepath = str(Path(FOLDER) / f"{name}.exr")
    bpy.ops.render.render(write_still=True)
