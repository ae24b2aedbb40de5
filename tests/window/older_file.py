# SPDX-License-Identifier: Apache-2.0
"""Runs in Blender, first an older one, then a newer: a shot's file goes from one to the other.

    python older_file.py make PASSES FOLDER        bpy of Blender 4.5: imports, renders, saves
    blender -b --python older_file.py -- open PASSES FOLDER    opens that, renders, imports again

Each leaves pictures and WHO.json, what it found, in FOLDER.
"""

import json
import sys
from pathlib import Path

import bpy

WHO, PASSES, FOLDER = sys.argv[-3:]
sys.path.insert(0, str(Path(__file__).parents[2]))
import blender_addon  # noqa: E402 (beside this file's checkout)
from blender_addon import compat  # noqa: E402
from blender_addon.import_passes import import_passes  # noqa: E402
from blender_addon.passes import read_passes  # noqa: E402
from blender_addon.properties import shot_node  # noqa: E402

FILE = f"{FOLDER}/older.blend"


def bring_in():
    passes = read_passes(PASSES)
    shot = {"start": passes.frames[0], "match_scene": True, "connect": True, "in_place": True}
    bpy.context.scene.pullfocus.shot = import_passes(bpy.context.scene, passes, **shot).group


def picture(name):
    scene = bpy.context.scene
    compat.render_on_cpu(scene)
    compat.write_exr(scene.render.image_settings)
    scene.frame_set(4)
    scene.render.filepath = f"{FOLDER}/{name}.exr"
    bpy.ops.render.render(write_still=True)


def seen():
    node = shot_node(bpy.context.scene)
    mappers = [n for n in node.node_tree.nodes if n.bl_idname == "CompositorNodeMapUV"]
    return {
        "view": node.inputs["View"].bl_idname,
        "values": {
            name: round(float(node.inputs[name].default_value), 4)
            for name in ("Focus", "Aperture", "fg Sharp")
        },
        "extends": [
            n.inputs["Extension X"].default_value for n in mappers if "Extension X" in n.inputs
        ],
        "nodes": sum(1 for _ in compat.group_nodes(compat.compositor_of(bpy.context.scene))),
    }


blender_addon.register()
found = {"version": list(bpy.app.version)}
try:
    if WHO == "make":
        bring_in()
        node = shot_node(bpy.context.scene)
        node.inputs["Focus"].default_value, node.inputs["Aperture"].default_value = 0.75, 1.25
        found["made"] = seen()
        picture("made")
        bpy.ops.wm.save_as_mainfile(filepath=FILE)
    else:
        bpy.ops.wm.open_mainfile(filepath=FILE)
        found["opened"] = seen()
        picture("opened")
        bring_in()
        found["again"] = seen()
        picture("again")
    Path(FOLDER, f"{WHO}.json").write_text(json.dumps(found))
finally:
    blender_addon.unregister()  # bpy does not end while classes of an add-on are there
