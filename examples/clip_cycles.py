# SPDX-License-Identifier: Apache-2.0
"""Render a clip that `render_clip.py` describes; runs in the Python of bpy.

    python clip_cycles.py FOLDER

FOLDER holds job.json, meshes.npz (every mesh at every frame, one more at both ends) and pictures.
Surfaces shine with their picture, a little brighter where they face the light, so few samples do;
the lens is Cycles's own thin lens. Every look of every frame is an EXR of floats; what is there is
kept, so a stopped rendering goes on.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import bpy
import numpy as np

SENSOR_MM = 36.0


def material(name: str, picture: Path, surface: dict) -> bpy.types.Material:
    """A picture that shines: shade + (1 - shade) * cosine to the light; strength may exceed 1."""
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    tree = made.node_tree
    tree.nodes.clear()
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(str(picture))
    texture.image.colorspace_settings.name = "sRGB"
    texture.extension = "REPEAT"
    shine, out = tree.nodes.new("ShaderNodeEmission"), tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(texture.outputs["Color"], shine.inputs["Color"])
    tree.links.new(shine.outputs[0], out.inputs["Surface"])
    strength = surface["strength"]
    shine.inputs["Strength"].default_value = strength
    if surface["shade"] < 1:
        geometry = tree.nodes.new("ShaderNodeNewGeometry")
        dot = tree.nodes.new("ShaderNodeVectorMath")
        dot.operation = "DOT_PRODUCT"
        light = np.array(surface["light"]) / np.linalg.norm(surface["light"])
        dot.inputs[1].default_value = tuple(light)
        scale = tree.nodes.new("ShaderNodeMapRange")
        scale.inputs["From Min"].default_value = -0.4
        scale.inputs["To Min"].default_value = surface["shade"] * strength
        scale.inputs["To Max"].default_value = strength
        tree.links.new(geometry.outputs["Normal"], dot.inputs[0])
        tree.links.new(dot.outputs["Value"], scale.inputs["Value"])
        tree.links.new(scale.outputs["Result"], shine.inputs["Strength"])
    return made


def linear_keys(owner: bpy.types.bpy_struct, path: str, index: int, keys: dict[int, float]) -> None:
    """Key a value at whole frames, straight between."""
    holder = owner.id_data
    if holder.animation_data is None:
        holder.animation_data_create()
    if holder.animation_data.action is None:
        holder.animation_data.action = bpy.data.actions.new(f"{holder.name} moves")
    for frame, value in keys.items():
        if index < 0:
            setattr(owner, path, value)
            owner.keyframe_insert(path, frame=frame)
        else:
            getattr(owner, path)[index] = value
            owner.keyframe_insert(path, index=index, frame=frame)


def straighten() -> None:
    """Make every curve straight between its keys."""
    for action in bpy.data.actions:
        for curve in action.fcurves:
            for key in curve.keyframe_points:
                key.interpolation = "LINEAR"
            curve.extrapolation = "CONSTANT"


def hang(folder: Path, surface: dict, meshes: dict[str, np.ndarray]) -> bpy.types.Object:
    """Build a mesh; where it moves, one shape key a frame takes over from the one before."""
    name = surface["name"]
    places = meshes[f"{name}.vertices"]  # (frames or 1, V, 3)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(places[0].tolist(), [], meshes[f"{name}.faces"].tolist())
    layer = mesh.uv_layers.new()
    uv = meshes[f"{name}.uv"]
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    layer.data.foreach_set("uv", uv[corners].astype(np.float32).ravel())
    mesh.polygons.foreach_set("use_smooth", [surface["smooth"]] * len(mesh.polygons))
    thing = bpy.data.objects.new(name, mesh)
    mesh.materials.append(material(name, folder / surface["picture"], surface))
    bpy.context.scene.collection.objects.link(thing)
    if len(places) > 1:
        thing.shape_key_add(name="Basis", from_mix=False)
        for frame, place in enumerate(places):
            key = thing.shape_key_add(name=f"frame {frame}", from_mix=False)
            key.data.foreach_set("co", place.astype(np.float32).ravel())
            linear_keys(key, "value", -1, {frame - 1: 0.0, frame: 1.0, frame + 1: 0.0})
    return thing


def start(job: dict) -> bpy.types.Object:
    """An empty scene for Cycles on the CPU; returns the camera."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 0, job["frames"] + 1
    scene.render.engine = "CYCLES"
    cycles, render = scene.cycles, scene.render
    cycles.device, cycles.seed = "CPU", 3
    cycles.use_adaptive_sampling = False
    cycles.denoiser, cycles.denoising_input_passes = "OPENIMAGEDENOISE", "RGB"
    cycles.max_bounces = cycles.diffuse_bounces = 0
    cycles.pixel_filter_type = "BOX"
    cycles.filter_width = 1.0
    render.resolution_x, render.resolution_y = job["width"], job["height"]
    render.resolution_percentage = 100
    render.threads_mode, render.threads = "FIXED", job["threads"]
    render.film_transparent = True
    render.use_persistent_data = True
    render.motion_blur_shutter = job["shutter_degrees"] / 360
    render.motion_blur_position = "CENTER"
    settings = render.image_settings
    settings.file_format, settings.color_depth = "OPEN_EXR_MULTILAYER", "32"
    settings.exr_codec = "ZIP"
    scene.view_settings.view_transform = "Raw"
    scene.view_layers[0].use_pass_z = True
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR_MM
    data.lens = job["focal_px"] / job["width"] * SENSOR_MM
    data.clip_end = 200
    camera = bpy.data.objects.new("camera", data)
    camera.rotation_euler = (math.pi / 2, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    for axis in range(3):
        keys = {frame: place[axis] for frame, place in enumerate(job["camera"])}
        linear_keys(camera, "location", axis, keys)
    return camera


def look(job: dict, name: str, things: dict[str, bpy.types.Object]) -> bool:
    """Set the scene for a look; returns whether through the lens."""
    scene = bpy.context.scene
    shown = job["looks"][name]
    for surface in job["surfaces"]:
        hidden = surface["subject"] != (shown["part"] == "subject")
        things[surface["name"]].hide_render = shown["part"] != "all" and hidden
    scene.render.use_motion_blur = shown["motion_blur"]
    scene.view_layers[0].use_pass_vector = not shown["motion_blur"]
    scene.cycles.samples = shown["samples"]
    # light through the lens is smooth: what noise is left there goes, and nothing else does
    scene.cycles.use_denoising = shown["lens"]
    return shown["lens"]


def main() -> None:
    """Render every look of every frame."""
    folder = Path(sys.argv[-1])
    job = json.loads((folder / "job.json").read_text())
    camera = start(job)
    meshes = dict(np.load(folder / "meshes.npz"))
    things = {surface["name"]: hang(folder, surface, meshes) for surface in job["surfaces"]}
    straighten()
    scene = bpy.context.scene
    for frame in range(1, job["frames"] + 1):
        for name in job["looks"]:
            path = folder / f"{name}.{frame:04d}.exr"
            if path.exists():
                continue
            lens = look(job, name, things)
            dof = camera.data.dof
            dof.use_dof = lens
            if lens:
                dof.aperture_fstop = camera.data.lens / 1000 / job["aperture_m"]
                dof.focus_distance = job["focus_m"][frame - 1]
            scene.frame_set(frame)
            beside = path.with_name(f".{path.name}")
            scene.render.filepath = str(beside)
            bpy.ops.render.render(write_still=True)
            beside.replace(path)
        print(f"frame {frame} of {job['frames']}", flush=True)


if __name__ == "__main__":
    main()
