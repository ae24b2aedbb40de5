# SPDX-License-Identifier: Apache-2.0
"""Runs in Blender 5.x: a shot on a strip of the sequencer, beside the same in the compositor.

    blender -b --factory-startup --python strip_render.py -- PASSES PLATE FOLDER

PLATE is one picture. For every case FOLDER gets strip_CASE.exr and compositor_CASE.exr, and
found.json, what was seen on the way.
"""

import json
import shutil
import sys
from pathlib import Path

import bpy

PASSES, PLATE, FOLDER = sys.argv[-3:]
sys.path.insert(0, str(Path(__file__).parents[2]))
import blender_addon  # noqa: E402 (beside this file's checkout)
from blender_addon import compat  # noqa: E402
from blender_addon.import_passes import import_passes  # noqa: E402
from blender_addon.passes import read_passes  # noqa: E402
from blender_addon.properties import shot_node  # noqa: E402

FRAME = 4
found = {}


def bring_in(folder, **more):
    done = import_passes(scene, read_passes(folder), match_scene=True, **more)
    scene.pullfocus.shot = done.group
    return done


def said_by(call):
    try:
        call()
    except RuntimeError as error:
        return str(error)
    return ""


def pictures(case):
    for way, sequencer in (("compositor", False), ("strip", True)):
        scene.render.use_sequencer, scene.render.use_compositing = sequencer, not sequencer
        scene.frame_set(FRAME)
        scene.render.filepath = f"{FOLDER}/{way}_{case}.exr"
        bpy.ops.render.render(write_still=True)


blender_addon.register()
scene = bpy.context.scene
scene.view_settings.view_transform = "Standard"
compat.render_on_cpu(scene)
compat.write_exr(scene.render.image_settings)
bring_in(PASSES)
node = shot_node(scene)
found["without a strip"] = said_by(bpy.ops.pullfocus.use_on_strip)
editor = scene.sequence_editor_create()
strip = editor.strips.new_image("plate", PLATE, 1, 1)
strip.frame_final_duration = 8
editor.active_strip = strip
for _ in range(2):  # pressed again, it brings what is there up to date
    bpy.ops.pullfocus.use_on_strip()
found["modifiers"] = [one.type for one in strip.modifiers]
group = strip.modifiers[0].node_group
found["drivers"] = len(group.animation_data.drivers)
node.inputs["Focus"].default_value = -2.0
node.inputs["Focus"].keyframe_insert("default_value", frame=1)
node.inputs["Focus"].default_value = 6.0
node.inputs["Focus"].keyframe_insert("default_value", frame=8)
pictures("keyed")
node.inputs["Aperture"].default_value, node.inputs["fg"].default_value = 0.0, False
pictures("values")
strip.modifiers[0].mute = True
pictures("muted")
again = f"{FOLDER}/again"
shutil.copytree(PASSES, again)
other = bring_in(again, instead_of=scene.pullfocus.shot)
inner = next(one for one in group.nodes if one.type == "GROUP")
found["follows other passes"] = inner.node_tree == other.group
Path(FOLDER, "found.json").write_text(json.dumps(found))
blender_addon.unregister()
