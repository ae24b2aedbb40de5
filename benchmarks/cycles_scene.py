# SPDX-License-Identifier: Apache-2.0
"""Render a street and a passer-by through Cycles's thin lens; runs in the Python of bpy.

    python cycles_scene.py JOB.json

Painted pictures hang in space as emission, so that only focus, motion and parallax act: a wall, a
floor, a cut-out. The job names the textures, the size, the frames and the looks to render: with
which aperture, focused on what, all of the scene or the subject alone. Cycles is asked for planar
focus, and its thin lens knows nothing of pullfocus.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import bpy

SENSOR_MM = 36.0


def picture_material(path: str, *, seen_through: bool) -> bpy.types.Material:
    """Return a material that shines with a scene-linear picture; its alpha lets light through."""
    material = bpy.data.materials.new(Path(path).stem)
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    image = bpy.data.images.load(path)
    image.colorspace_settings.name = "Non-Color"  # linear already, in the render's own primaries
    image.alpha_mode = "CHANNEL_PACKED"
    texture, shine = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeEmission")
    out = tree.nodes.new("ShaderNodeOutputMaterial")
    texture.image, texture.extension = image, "EXTEND"
    tree.links.new(texture.outputs["Color"], shine.inputs["Color"])
    shown = shine.outputs[0]
    if seen_through:
        clear, mix = (
            tree.nodes.new("ShaderNodeBsdfTransparent"),
            tree.nodes.new("ShaderNodeMixShader"),
        )
        tree.links.new(texture.outputs["Alpha"], mix.inputs[0])
        tree.links.new(clear.outputs[0], mix.inputs[1])
        tree.links.new(shown, mix.inputs[2])
        shown = mix.outputs[0]
    tree.links.new(shown, out.inputs["Surface"])
    return material


def hung(card: dict) -> bpy.types.Object:
    """Hang a picture: its corners in metres, x right, y up, z towards the camera's back."""
    mesh = bpy.data.meshes.new(card["name"])
    mesh.from_pydata([tuple(c) for c in card["corners"]], [], [(0, 1, 2, 3)])
    layer = mesh.uv_layers.new()
    for loop, uv in zip(layer.data, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        loop.uv = uv
    thing = bpy.data.objects.new(card["name"], mesh)
    mesh.materials.append(picture_material(card["picture"], seen_through=card["cut_out"]))
    bpy.context.scene.collection.objects.link(thing)
    return thing


def hood(camera: bpy.types.Object) -> bpy.types.Object:
    """Hang a black ring before the lens, its hole of radius 1: what makes a cat's eye."""
    around, wide = 256, 60.0
    turn = [2 * math.pi * i / around for i in range(around)]
    points = [(r * math.cos(a), r * math.sin(a), 0) for r in (1.0, wide) for a in turn]
    faces = [(i, (i + 1) % around, around + (i + 1) % around, around + i) for i in range(around)]
    mesh = bpy.data.meshes.new("hood")
    mesh.from_pydata(points, [], faces)
    black = bpy.data.materials.new("black")
    black.use_nodes = True
    shine = black.node_tree.nodes.new("ShaderNodeEmission")
    shine.inputs["Strength"].default_value = 0
    out = next(n for n in black.node_tree.nodes if n.type == "OUTPUT_MATERIAL")
    black.node_tree.links.new(shine.outputs[0], out.inputs["Surface"])
    mesh.materials.append(black)
    thing = bpy.data.objects.new("hood", mesh)
    bpy.context.scene.collection.objects.link(thing)
    thing.parent = camera
    return thing


def start(job: dict) -> bpy.types.Object:
    """Set up an empty scene for Cycles on the CPU; returns the camera."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed = "CPU", job["samples"], 3
    cycles.use_adaptive_sampling = False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.max_bounces = cycles.diffuse_bounces = 0
    cycles.transparent_max_bounces = 8
    cycles.filter_width = 1.0
    render = scene.render
    render.resolution_x, render.resolution_y = job["width"], job["height"]
    render.resolution_percentage = 100
    render.film_transparent = True
    render.use_persistent_data = True
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGBA", "16"
    scene.view_settings.view_transform = "Raw"
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR_MM
    data.lens = job["focal_px"] / job["width"] * SENSOR_MM
    data.clip_start = 1e-3
    data.dof.aperture_blades = job["blades"]
    data.dof.aperture_rotation = math.radians(job["rotation_deg"])
    camera = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


def main() -> None:
    """Render every look of every frame."""
    job = json.loads(Path(sys.argv[-1]).read_text())
    camera = start(job)
    things = {card["name"]: hung(card) for card in job["cards"]}
    ring = hood(camera)
    scene = bpy.context.scene
    for frame in job["frames"]:
        camera.location = (*frame["camera"], 0)
        things["subject"].location = (*frame["subject"], 0)
        for look in job["looks"]:
            if look["frames"] is not None and frame["number"] not in look["frames"]:
                continue
            dof = camera.data.dof
            dof.use_dof = look["aperture_m"] > 0
            if dof.use_dof:
                dof.aperture_fstop = camera.data.lens / 1000 / look["aperture_m"]
                at = look["focus_m"]
                dof.focus_distance = frame["focus_m"] if at is None else at
            for name, thing in things.items():
                thing.hide_render = look["subject_alone"] and name != "subject"
            # the farther from the lens, the farther it moves over the iris off the axis
            away = job["hood"] * look["aperture_m"] / 2 / job["corner"]
            ring.hide_render = away == 0
            if away:
                hole = look["aperture_m"] / 2 * (1 - away / job["depth_m"])
                ring.location, ring.scale = (0, 0, -away), (hole, hole, 1)
            path = Path(job["out"]) / f"{look['name']}.{frame['number']:04d}.exr"
            scene.render.filepath = str(path)
            bpy.ops.render.render(write_still=True)


if __name__ == "__main__":
    main()
