# SPDX-License-Identifier: Apache-2.0
"""Checks of files: saved and moved .blends, other editors, undo, and nothing left behind."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import bpy
from blender_desk import MODULE, ORDER, OUT, addon, check, names_left, node, render, scene


@check
def saved_file():
    """Save, open again: everything is there, with relative paths, and still renders the same."""
    shot = ORDER["frame"]
    settings = scene().pullfocus
    settings.shot = bpy.data.node_groups[ORDER["group"]]
    owner = addon("compat").compositor_of(scene())
    owner.links.new(node().outputs["Image"], addon("compat").output_socket(owner))
    render("before_save", shot, View=0, Focus=1.0)
    path = OUT / "deeper/down/saved.blend"
    path.parent.mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), relative_remap=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    images = [
        i.filepath for i in bpy.data.images if i.source in ("FILE", "SEQUENCE") and i.filepath
    ]
    count = len([g for g in bpy.data.node_groups if g.name.startswith("PullFocus")])
    rendered = render("after_open", shot)
    bpy.ops.pullfocus.import_passes(filepath=ORDER["passes"])
    again = len([g for g in bpy.data.node_groups if g.name.startswith("PullFocus")])
    groups = [g for g in bpy.data.node_groups if g.name.startswith("PullFocus")]
    return {
        "groups": [count, again],
        "texts": [
            g[key] for g in groups for key in ("pullfocus_passes", "pullfocus_solve") if key in g
        ],
        "file": rendered,
        "before": str(OUT / "before_save.exr"),
        "images": images,
        "plate": scene().pullfocus.plate_path,
    }


@check
def rebased():
    cases = [
        ("/a/b/c.exr", "", "/a"),
        ("//b/c.exr", "/a", "/a/d"),
        ("//b/c.exr", "/a", ""),
        ("//b/c.exr", "", "/a"),
        ("", "/a", "/b"),
        ("c.exr", "/a", "/b"),
    ]
    return {"found": [addon("relative_paths").rebased(*case) for case in cases]}


@check
def plate_from_editors():
    """Use as Plate takes the clip or the sequence that the editor shows."""
    use = addon("solve_op").PULLFOCUS_OT_use_as_plate
    clip = bpy.data.movieclips.load(str(Path(ORDER["clip"]) / "plate.0001.png"))
    image = bpy.data.images.load(str(Path(ORDER["clip"]) / "plate.0001.png"))
    still = use.poll(SimpleNamespace(space_data=SimpleNamespace(image=image)))
    image.source = "SEQUENCE"
    found = []
    for shown in ({"clip": clip}, {"image": image}):
        context = SimpleNamespace(space_data=SimpleNamespace(**shown), scene=scene())
        assert use.poll(context)
        use.execute(None, context)
        found.append([scene().pullfocus.plate_source, addon("footage").plate_path(scene())])
    return {"still": still, "found": found}


@check
def undo():
    """What an operator did is taken back by one undo."""
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.pullfocus.matte_add()
    count = len(scene().pullfocus.mattes)
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    options = {
        name: sorted(getattr(getattr(bpy.types, f"PULLFOCUS_OT_{name}"), "bl_options", ()))
        for name in ("import_passes", "pick_focus", "focus_layer", "reset_paint", "matte_add")
    }
    return {"with": count, "without": len(scene().pullfocus.mattes), "options": options}


@check
def unregister():
    before = names_left()
    worker = addon("worker")
    job = worker.Job("Wait", [[sys.executable, "-c", "import time; time.sleep(100)"]])
    job.update()
    process = job._worker._process
    addon("job_operator")._jobs[:] = [job]
    rendered = render("with", ORDER["frame"])
    bpy.ops.preferences.addon_disable(module=MODULE)
    after = names_left()
    scene().render.filepath = str(OUT / "without.exr")
    bpy.ops.render.render(write_still=True)
    bpy.ops.preferences.addon_enable(module=MODULE)
    again = names_left()
    bpy.ops.preferences.addon_disable(module=MODULE)
    return {
        "before": before,
        "after": after,
        "again": again == before,
        "with": rendered,
        "without": str(OUT / "without.exr"),
        "job ended": process.poll() is not None,
    }
