# SPDX-License-Identifier: Apache-2.0
"""Checks of cameras and of more shots: other frames, colours and numbers of layers."""

from __future__ import annotations

import addon_panels
import bpy
from blender_desk import MODULE, ORDER, OUT, addon, check, error_of, node, render, scene


@check
def first_note():
    """What an import says it shows; again, and for a shot that tells no depth."""
    before, found = scene(), {}
    bpy.context.window.scene = bpy.data.scenes.new("notes")
    for name, folder in (("first", "three"), ("again", "three"), ("no depth", "unsigned")):
        passes = addon("passes").read_passes(ORDER[folder])
        done = addon("import_passes").import_passes(scene(), passes)
        held = {socket.name: socket.default_value for socket in done.node.inputs}
        found[name] = [list(done.notes), held.get("Follow Plate")]
    bpy.context.window.scene = before
    return found


@check
def named_solve():
    """Propagate after a plain import, with no solve chosen: passes that name theirs."""
    before, found = scene(), {}
    for name in ("stray", "named"):
        alone(ORDER[name])
        found[name] = error_of(lambda: bpy.ops.pullfocus.propagate(layer="fg"))
        bpy.context.window.scene = before
    return found


@check
def panels_with_shot():
    for name in ("VIEW", "LAYER"):
        scene().pullfocus.view = "LAYER" if name == "LAYER" else "RESULT"
    found = addon_panels.draw_all(MODULE)
    scene().pullfocus.view = "RESULT"
    return found


@check
def camera_follows():
    """A white card in Cycles, at the last layer's distance, seen by the camera that follows."""
    render_ = scene().render
    lens = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    mesh = bpy.data.meshes.new("card")
    mesh.from_pydata(
        [(-50, -50, -10), (0, -50, -10), (0, 50, -10), (-50, 50, -10)], [], [[0, 1, 2, 3]]
    )
    white = bpy.data.materials.new("white")
    white.use_nodes = True
    white.node_tree.nodes.clear()
    light = white.node_tree.nodes.new("ShaderNodeEmission")
    end = white.node_tree.nodes.new("ShaderNodeOutputMaterial")
    white.node_tree.links.new(light.outputs[0], end.inputs[0])
    mesh.materials.append(white)
    card = bpy.data.objects.new("card", mesh)
    others, world, held = list(scene().objects), scene().world, scene().camera
    for one in others:
        one.hide_render = True
    scene().world, scene().camera = None, None
    nobody = bpy.ops.pullfocus.camera_follows.poll()
    for one in (lens, card):
        scene().collection.objects.link(one)
    scene().camera = lens
    node().inputs["Follow Plate"].default_value = 1.0
    wrong = error_of(lambda: bpy.ops.pullfocus.camera_follows(near_distance=10.0, far_distance=2.0))
    result = bpy.ops.pullfocus.camera_follows(near_distance=2.0, far_distance=10.0)
    render_.engine, render_.use_compositing = "CYCLES", False
    scene().cycles.samples, scene().cycles.use_denoising = 512, False
    render_.use_border, render_.use_crop_to_border = True, True
    render_.border_min_x, render_.border_max_x = 0.0, 1.0
    render_.border_min_y, render_.border_max_y = 0.45, 0.55
    files = {}
    for frame in (scene().frame_start, ORDER["frame"]):
        scene().frame_set(frame)
        render_.filepath = str(OUT / f"card_{frame}.exr")
        bpy.ops.render.render(write_still=True)
        files[frame] = render_.filepath
    keys = addon("compat").curve_of(lens.data, "dof.focus_distance")
    found = {
        "without a camera": nobody,
        "wrong": wrong,
        "result": sorted(result),
        "files": files,
        "keys": len(keys.keyframe_points),
        "f-stops": [lens.data.dof.aperture_fstop],
    }
    render_.use_border, render_.use_compositing = False, True
    node().inputs["Follow Plate"].default_value = 0.0
    for one in (lens, card):
        bpy.data.objects.remove(one)
    for one in others:
        one.hide_render = False
    scene().world, scene().camera = world, held
    return found


@check
def second_shot():
    """Another shot in the same scene, later in time, that was never in motion of focus."""
    bpy.ops.pullfocus.import_passes(
        filepath=ORDER["unsigned"], match_scene=False, own_start=False, start=101
    )
    names = [socket.name for socket in node().inputs]
    drawn = addon_panels.draw_all(MODULE)
    owner = addon("compat").compositor_of(scene())
    output = addon("compat").output_socket(owner)
    shown = output.links[0].from_node.name
    owner.links.new(node().outputs["Image"], output)
    file = render("unsigned", 101 + ORDER["frame"] - 1, View=0, fg_Sharp=1.0)
    groups = [n for n in owner.nodes if n.type == "GROUP"]
    apart = len({tuple(n.location) for n in groups}) == len(groups)
    return {
        "inputs": names,
        "drawn": drawn,
        "shown before": shown,
        "file": file,
        "apart": apart,
        "pick": bpy.ops.pullfocus.pick_focus.poll(),
    }


def alone(path: str, **options):
    """Import into a scene of its own, made the current one; returns the scene that was."""
    before = scene()
    bpy.context.window.scene = bpy.data.scenes.new("alone")
    bpy.ops.pullfocus.import_passes(filepath=path, **options)
    addon("compat").render_on_cpu(scene())
    addon("compat").write_exr(scene().render.image_settings)
    return before


@check
def late_numbers():
    """A shot whose files begin at 1001: at its own numbers, and moved to frame 1."""
    before = alone(ORDER["late"])
    own = render("late_own", 1000 + ORDER["frame"], Follow_Plate=1.0)
    found = [scene().frame_start, scene().frame_end, scene().frame_current]
    first = scene()
    bpy.context.window.scene = before
    before = alone(ORDER["late"], own_start=False, start=1)
    moved = render("late_moved", ORDER["frame"] + 2, Follow_Plate=1.0)
    bpy.ops.pullfocus.pick_focus(x=ORDER["pick"][0], y=ORDER["pick"][1], key=False)
    focus = node().inputs["Focus"].default_value
    start = scene().frame_start
    bpy.ops.pullfocus.import_passes(filepath=ORDER["late"], own_start=False, start=1)
    kept = [node().inputs["Focus"].default_value == focus, scene().frame_start == start]
    bpy.context.window.scene = first
    still = render("late_still", 1000 + ORDER["frame"], Follow_Plate=1.0)
    bpy.context.window.scene = before
    return {"own": own, "range": found, "moved": moved, "kept": kept, "still": still}


@check
def other_colour_space():
    before = alone(ORDER["acescg"])
    sharp = render("acescg", ORDER["frame"], View=3)
    images = [n.image for n in node().node_tree.nodes if n.bl_idname == "CompositorNodeImage"]
    spaces = sorted({image.colorspace_settings.name for image in images})
    bpy.context.window.scene = before
    return {"file": sharp, "spaces": spaces}


@check
def other_layer_counts():
    """Three layers, and one."""
    found = {}
    for name in ("three", "one"):
        before = alone(ORDER[name])
        number = scene().frame_start
        layers = addon("import_passes").layer_names(node().node_tree)
        found[name] = {
            "layers": layers,
            "sharp": render(f"{name}_sharp", number, View=3),
            "result": render(f"{name}_result", number, View=0, Follow_Plate=1.0),
            "layer": render(f"{name}_layer", number, View=5, Layer=len(layers)),
            "panels": sorted(addon_panels.draw_all(MODULE)),
        }
        bpy.context.window.scene = before
    return found
