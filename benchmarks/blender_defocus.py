# SPDX-License-Identifier: Apache-2.0
"""Blur an EXR with Blender's compositor and say how long that took; runs in the Python of bpy.

    python blender_defocus.py IN.exr OUT.exr --size 1920 1080 --node defocus

The EXR holds R G B A, scene-linear and premultiplied, and ``coc.X``, the radius of every pixel in
px. Prints one line of JSON for every run, so that whoever stops a long one keeps what is done.

What the nodes of Blender 4.5 make of a radius, measured with point lights and edges:

* Defocus with ``use_zbuffer`` off and ``z_scale`` 1 takes Z as the radius in px. The disc of
  radius r has the area of one of r + (1 - r / blur_max) / 2; ``blur_max`` also limits the radius.
  ``f_stop``, ``threshold`` and ``use_preview`` change nothing here.
* Bokeh Blur takes Size in percent of the longer side, ``px * 100 / max(W, H)``, and always draws
  a disc of r + 1/2. A linked Size varies by pixel; ``use_variable_size`` and ``blur_max`` are
  leftovers that do nothing.
* Both round below 2 px: .5 does nothing, 1 and 1.5 are the same 3 x 3 box.
* Both gather. Light goes from q to p as far as the smaller of their two radii lets it, and every
  p divides by the weights it gathered. A sharp pixel never receives blur from its neighbours, and
  energy is kept only where the radius is constant.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import bpy

NODES = ("defocus", "bokeh", "none")


def start_tree(source: Path, size_px: tuple[int, int]) -> bpy.types.NodeTree:
    """Make a compositor tree that holds nothing but the image, rendered at its size."""
    scene = bpy.context.scene
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    node = tree.nodes.new("CompositorNodeImage")
    node.image = bpy.data.images.load(str(source.resolve()))
    node.name = "source"
    render = scene.render
    render.resolution_x, render.resolution_y = size_px  # image.size is 0 for layers
    render.resolution_percentage = 100
    render.compositor_device = "CPU"
    render.compositor_precision = "FULL"  # AUTO is half precision outside final renders
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode = "RGBA"
    render.image_settings.color_depth = "32"
    return tree


def add_defocus(tree: bpy.types.NodeTree, max_radius_px: float) -> bpy.types.Node:
    """Add Defocus with Z read as the radius in px."""
    node = tree.nodes.new("CompositorNodeDefocus")
    node.use_zbuffer = False
    node.z_scale = 1
    node.blur_max = max_radius_px
    node.bokeh = "CIRCLE"
    tree.links.new(tree.nodes["source"].outputs["coc"], node.inputs["Z"])
    return node


def add_bokeh_blur(tree: bpy.types.NodeTree, long_side_px: int) -> bpy.types.Node:
    """Add Bokeh Blur with a round disc and a Size linked to the radius."""
    disc = tree.nodes.new("CompositorNodeBokehImage")
    disc.inputs["Flaps"].default_value = 16
    disc.inputs["Roundness"].default_value = 1
    percent = tree.nodes.new("CompositorNodeMath")
    percent.operation = "MULTIPLY"
    percent.inputs[1].default_value = 100 / long_side_px
    node = tree.nodes.new("CompositorNodeBokehBlur")
    tree.links.new(tree.nodes["source"].outputs["coc"], percent.inputs[0])
    tree.links.new(percent.outputs[0], node.inputs["Size"])
    tree.links.new(disc.outputs[0], node.inputs["Bokeh"])
    return node


def connect(tree: bpy.types.NodeTree, blur: bpy.types.Node | None) -> None:
    """Send the image, through ``blur`` if there is one, to the render result."""
    for node in [n for n in tree.nodes if n.bl_idname == "CompositorNodeComposite"]:
        tree.nodes.remove(node)
    out = tree.nodes.new("CompositorNodeComposite")
    picture = tree.nodes["source"].outputs["Combined"]
    if blur is not None:
        tree.links.new(picture, blur.inputs["Image"])
        picture = blur.outputs[0]
    tree.links.new(picture, out.inputs["Image"])


def run_once() -> dict[str, float]:
    """Run the compositor once, writing no file; returns wall and CPU seconds."""
    began, cpu_began = time.perf_counter(), time.process_time()
    bpy.ops.render.render(write_still=False)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu_began,
    }


def main() -> None:
    """Print a line of JSON for each run, then write the last result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--size", type=int, nargs=2, required=True, metavar=("W", "H"))
    parser.add_argument("--node", choices=NODES, required=True)
    parser.add_argument("--max-radius", type=float, default=32.0, help="largest radius, px")
    parser.add_argument("--runs", type=int, default=3, help="at most")
    parser.add_argument("--budget", type=float, default=30.0, help="start no run after, s")
    options = parser.parse_args()
    tree = start_tree(options.source, options.size)
    # The bare picture first: the file is read, and what a render costs without a blur is known.
    connect(tree, None)
    run_once()
    overhead = run_once()["seconds"]
    if options.node == "defocus":
        connect(tree, add_defocus(tree, options.max_radius))
    elif options.node == "bokeh":
        connect(tree, add_bokeh_blur(tree, max(options.size)))
    spent = 0.0
    for _ in range(options.runs):
        cost = run_once()
        spent += cost["seconds"]
        line = {**cost, "overhead": overhead, "blender": bpy.app.version_string}
        print("\n" + json.dumps(line), flush=True)
        if spent > options.budget:
            break
    bpy.data.images["Render Result"].save_render(str(options.target.resolve()))


if __name__ == "__main__":
    main()
