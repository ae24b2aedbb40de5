# SPDX-License-Identifier: Apache-2.0
"""Render scenes through many lenses each, with all it takes to know the circle of confusion.

    .venv-bpy/bin/python examples/render_coc.py --tiles FOLDER --out FOLDER --seeds 0-15

Runs in the Python of bpy (make blender). A seed is a scene: floor, wall, things between them, all
in sharp tiles (examples/prepare_coc_photos.py) or lit by Blender's own skies. Each is rendered
without depth of field, with depth, and through 5 apertures x 5 focus distances (paper section 3.4),
or through some of these 25, drawn by seed (--lenses 8: three times the scenes in the same time).

| file | what |
|---|---|
| scene_0007/sharp.exr | no depth of field: R G B, and planar depth in ViewLayer.Depth.Z, metres |
| scene_0007/a0_f3.exr | first aperture, fourth focus distance, scene-linear |
| scene_0007/lens.json | focal length, sensor, every variant's f-number and focus distance |

The radius of a pixel at depth z is 0.5 A |1/D - 1/z| f px, A = lens / f-number (planar D and z);
checked against edge spread in renders. A scene that is complete is left alone: run it again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import bpy
import numpy as np

SENSOR_MM = 36.0
APERTURES = (1.5, 4.0, 7.0, 11.0, 16.0)
"""Largest radius in px that an aperture gives anywhere in the scene at its worst focus."""
FOCUSES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Where between the nearest (0) and the farthest (1) surface focus lies, in disparity."""


def texture_material(tile: np.ndarray, name: str, *, emission: bool) -> bpy.types.Material:
    """A tile as a repeating texture: glowing by itself, or lit."""
    side = tile.shape[0]
    image = bpy.data.images.new(name, side, side)
    rgba = np.ones((side, side, 4), np.float32)
    rgba[..., :3] = tile[::-1].astype(np.float32) / 255
    image.pixels.foreach_set(rgba.ravel())
    image.pack()
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    texture = nodes.new("ShaderNodeTexImage")
    texture.image = image
    if emission:
        shader = nodes.new("ShaderNodeEmission")
        links.new(texture.outputs["Color"], shader.inputs["Color"])
        links.new(shader.outputs[0], nodes["Material Output"].inputs["Surface"])
    else:
        shader = nodes["Principled BSDF"]
        shader.inputs["Roughness"].default_value = 0.8
        links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    return material


def repeat(thing: bpy.types.Object, times: float) -> None:
    """Scale the UVs of a mesh."""
    layer = thing.data.uv_layers.active
    held = np.empty(2 * len(layer.data), np.float32)
    layer.data.foreach_get("uv", held)
    layer.data.foreach_set("uv", held * times)


def build(rng: np.random.Generator, tiles: list[np.ndarray], size: tuple[int, int]) -> list[float]:
    """Build one scene; return the depths of its nearest and farthest surface, metres."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    emission = bool(rng.random() < 0.6)
    camera = bpy.data.cameras.new("camera")
    camera.lens = float(rng.uniform(28, 70))
    camera.sensor_width = SENSOR_MM
    camera.sensor_fit = "HORIZONTAL"
    eye = bpy.data.objects.new("camera", camera)
    height = float(rng.uniform(0.6, 1.8))
    eye.location = (0, 0, height)
    pitch = float(rng.uniform(-0.18, 0.04))
    eye.rotation_euler = (math.pi / 2 + pitch, float(rng.uniform(-0.06, 0.06)), 0)
    scene.collection.objects.link(eye)
    scene.camera = eye
    f_px = camera.lens / SENSOR_MM * size[0]
    far = float(rng.uniform(5, 14))

    def wear(thing: bpy.types.Object, metres: float, depth: float) -> None:
        """Give a thing a texture of about one texel a pixel."""
        tile = tiles[int(rng.integers(len(tiles)))]
        if rng.random() < 0.25:  # plain, or nearly: skies and walls tell of blur by their edges
            blend = float(rng.choice([0.0, 0.1]))
            tile = (tile.mean(axis=(0, 1)) * (1 - blend) + tile * blend).astype(np.uint8)
        glow = emission or bool(rng.random() < 0.2)
        thing.data.materials.append(texture_material(tile, thing.name, emission=glow))
        repeat(thing, max(1.0, metres / depth * f_px / tile.shape[0] * float(rng.uniform(0.9, 2))))

    bpy.ops.mesh.primitive_plane_add(size=60, location=(0, 20, 0))
    wear(bpy.context.object, 60, 3.0)
    bpy.ops.mesh.primitive_plane_add(
        size=40, location=(0, far, 0), rotation=(math.pi / 2, 0, float(rng.uniform(-0.3, 0.3)))
    )
    wear(bpy.context.object, 40, far)
    near = far
    for index in range(int(rng.integers(3, 9))):
        depth = far * float(rng.uniform(0.15, 0.9))
        reach = 0.5 * size[0] / f_px * depth
        side = float(rng.uniform(0.12, 0.5)) * reach
        place = (float(rng.uniform(-0.85, 0.85)) * reach, depth, side)
        turn = (0, 0, float(rng.uniform(0, 2 * math.pi)))
        kind = int(rng.integers(6))
        if index < 2:
            kind = index * 3  # a box and a cut-out at least
        if kind == 0:
            bpy.ops.mesh.primitive_cube_add(size=2 * side, location=place, rotation=turn)
        elif kind == 1:
            bpy.ops.mesh.primitive_cylinder_add(
                radius=side * 0.7, depth=3 * side, location=(*place[:2], 1.5 * side)
            )
        elif kind == 2:
            bpy.ops.mesh.primitive_uv_sphere_add(radius=side, location=place)
        elif kind == 3:
            bpy.ops.mesh.primitive_circle_add(
                vertices=int(rng.integers(3, 12)), radius=side * 1.3, fill_type="NGON",
                location=(*place[:2], side * 1.4), rotation=(math.pi / 2, turn[2] * 0.1, 0),
            )  # fmt: skip
            bpy.context.object.data.uv_layers.active or bpy.ops.uv.smart_project()
        elif kind == 4:
            bpy.ops.mesh.primitive_monkey_add(size=2 * side, location=place, rotation=turn)
        else:
            bpy.ops.mesh.primitive_cylinder_add(
                radius=0.06 * side, depth=20 * side, location=place,
                rotation=(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.5, 0.5)), 0),
            )  # fmt: skip
        wear(bpy.context.object, 4 * side, depth)
        near = min(near, max(depth - 1.5 * side, 0.4))
    light(rng, emission)
    return [near, far * 1.1]


def light(rng: np.random.Generator, emission: bool) -> None:
    """A sky of Blender's own, and a sun for what does not glow."""
    scene = bpy.context.scene
    world = bpy.data.worlds.new("world")
    scene.world = world
    world.use_nodes = True
    skies = sorted(
        Path(bpy.utils.resource_path("LOCAL")).glob("datafiles/studiolights/world/*.exr")
    )
    if skies:
        sky = world.node_tree.nodes.new("ShaderNodeTexEnvironment")
        sky.image = bpy.data.images.load(str(skies[int(rng.integers(len(skies)))]))
        background = world.node_tree.nodes["Background"]
        background.inputs["Strength"].default_value = 0.3 if emission else 1.0
        world.node_tree.links.new(sky.outputs["Color"], background.inputs["Color"])
    if not emission:
        sun = bpy.data.lights.new("sun", "SUN")
        sun.energy, sun.angle = float(rng.uniform(0.5, 3)), 0.05
        lamp = bpy.data.objects.new("sun", sun)
        lamp.rotation_euler = (float(rng.uniform(0.2, 1)), float(rng.uniform(-0.8, 0.8)), 0)
        scene.collection.objects.link(lamp)


def prepare(size: tuple[int, int], samples: int, threads: int) -> None:
    """Cycles on the CPU: few samples, denoised, no filter wider than a pixel."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    scene.render.use_persistent_data = True
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.filter_width = 1.0
    scene.cycles.max_bounces = 2
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.view_layers[0].use_pass_z = True
    scene.view_settings.view_transform = "Standard"


def render(path: Path, *, layers: bool) -> None:
    """Render to one EXR, written beside and renamed."""
    scene = bpy.context.scene
    settings = scene.render.image_settings
    settings.file_format = "OPEN_EXR_MULTILAYER" if layers else "OPEN_EXR"
    settings.color_depth = "32" if layers else "16"
    settings.exr_codec = "ZIP"
    beside = path.with_name(f".{path.stem}.tmp.exr")
    scene.render.filepath = str(beside)
    bpy.ops.render.render(write_still=True)
    beside.replace(path)


def variants(near: float, far: float, lens_mm: float, width: int) -> list[dict]:
    """The 25 lenses: f-number and focus distance of each."""
    f_px = lens_mm / SENSOR_MM * width
    disparities = [1 / near + (1 / far - 1 / near) * share for share in FOCUSES]
    spread = 1 / near - 1 / far
    found = []
    for a, radius in enumerate(APERTURES):
        aperture_m = 2 * radius / (f_px * spread)
        for f, disparity in enumerate(disparities):
            found.append(
                {
                    "file": f"a{a}_f{f}.exr",
                    "fstop": lens_mm / 1000 / aperture_m,
                    "focus_distance_m": 1 / disparity,
                }
            )
    return found


def make_scene(seed: int, tiles: list[np.ndarray], out: Path, args: argparse.Namespace) -> None:
    """Render one scene and its variants; what is there is kept."""
    folder = out / f"scene_{seed:04d}"
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "lens.json").exists():
        return
    size = (args.width, args.height)
    near, far = build(np.random.default_rng(seed), tiles, size)
    prepare(size, args.samples, args.threads)
    scene = bpy.context.scene
    camera = scene.camera.data
    lenses = variants(near, far, camera.lens, args.width)
    chosen = np.random.default_rng((seed, 1)).permutation(len(lenses))[: args.lenses]
    lenses = [lenses[index] for index in sorted(chosen)]
    render(folder / "sharp.exr", layers=True)
    camera.dof.use_dof = True
    for lens in lenses:
        if not (folder / lens["file"]).exists():
            camera.dof.aperture_fstop = lens["fstop"]
            camera.dof.focus_distance = lens["focus_distance_m"]
            render(folder / lens["file"], layers=False)
    facts = {"lens_mm": camera.lens, "sensor_mm": SENSOR_MM, "width": size[0], "height": size[1]}
    text = json.dumps({**facts, "variants": lenses}, indent=1)
    (folder / "lens.json").write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Render the scenes asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiles", type=Path, required=True, help="tiles/train or tiles/held")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", default="0-15", help="first-last")
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=180)
    parser.add_argument("--lenses", type=int, default=25, help="of the 25, drawn by seed")
    parser.add_argument("--samples", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    args = parser.parse_args(arguments)
    tiles = [t for k in ("photo", "texture") for t in np.load(args.tiles / f"{k}.npy")[:400]]
    first, _, last = args.seeds.partition("-")
    for seed in range(int(first), int(last or first) + 1):
        make_scene(seed, tiles, args.out, args)
        print(f"scene {seed}: {args.out / f'scene_{seed:04d}'}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
