# SPDX-License-Identifier: Apache-2.0
"""Runs in Blender: renders pictures and radii through PullFocus Lens, and uses it on a strip.

    blender -b --factory-startup --python lens_render.py -- LIBRARY FOLDER

FOLDER holds NAME.npy for every case: (h, w, 5), R G B A and a radius; NAME.exr is left beside it.
NAME.json beside it has inputs by name, and as "output" which output is rendered in place of Image.
"""

import json
import sys
from pathlib import Path

import bpy
import numpy as np

LIBRARY, FOLDER = sys.argv[sys.argv.index("--") + 1 :]
with bpy.data.libraries.load(LIBRARY, assets_only=True) as (held, wanted):
    wanted.node_groups = held.node_groups
LENS = wanted.node_groups[0]


def image_of(name, pixels):
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(name, width, height, float_buffer=True, alpha=True)
    image.colorspace_settings.name = "Non-Color"
    image.pixels.foreach_set(np.ascontiguousarray(pixels[::-1], np.float32).ravel())
    image.update()
    image.pack()
    return image


scene = bpy.context.scene
tree = bpy.data.node_groups.new("all", "CompositorNodeTree")
tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
scene.compositing_node_group = tree
end = tree.nodes.new("NodeGroupOutput")
lens = tree.nodes.new("CompositorNodeGroup")
lens.node_tree = LENS
lens.inputs["Max Radius"].default_value = 64
picture, radius = (tree.nodes.new("CompositorNodeImage") for _ in range(2))
apart = tree.nodes.new("CompositorNodeSeparateColor")
tree.links.new(picture.outputs[0], lens.inputs["Image"])
tree.links.new(radius.outputs[0], apart.inputs[0])
tree.links.new(apart.outputs[0], lens.inputs["Depth"])
render = scene.render
render.compositor_device, render.compositor_precision = "CPU", "FULL"
render.image_settings.media_type = "IMAGE"
render.image_settings.file_format, render.image_settings.color_mode = "OPEN_EXR", "RGBA"
render.image_settings.color_depth = "32"
for case in sorted(Path(FOLDER).glob("*.npy")):
    data = np.load(case)
    render.resolution_x, render.resolution_y = data.shape[1], data.shape[0]
    picture.image = image_of(case.stem, data[..., :4])
    radius.image = image_of(
        f"{case.stem} radius", np.dstack([data[..., 4:]] * 3 + [np.ones(data.shape[:2])])
    )
    told = case.with_suffix(".json")
    asked = json.loads(told.read_text()) if told.is_file() else {}
    tree.links.new(lens.outputs[asked.pop("output", "Image")], end.inputs[0])
    before = {name: lens.inputs[name].default_value for name in asked}
    for name, value in asked.items():
        lens.inputs[name].default_value = value
    render.filepath = str(case.with_suffix(".exr"))
    bpy.ops.render.render(write_still=True)
    for name, value in before.items():
        lens.inputs[name].default_value = value
scene.compositing_node_group = None
editor = scene.sequence_editor_create()
strip = editor.strips.new_image("plate", str(Path(FOLDER) / "plate.png"), 1, scene.frame_current)
for name, wanted_lens in (("without", False), ("with", True)):
    if wanted_lens:
        through = strip.modifiers.new("lens", "COMPOSITOR")
        through.node_group = LENS
        depth = next(item for item in LENS.interface.items_tree if item.name == "Depth")
        getattr(through.properties.inputs, depth.identifier).value = 5.0
    render.filepath = str(Path(FOLDER) / f"strip_{name}.exr")
    bpy.ops.render.render(write_still=True)
