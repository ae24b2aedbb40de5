# SPDX-License-Identifier: Apache-2.0
"""Runs in Blender: answers questions about it from outside, between its own events.

    blender --python agent.py -- SOCKET

It looks, and prepares scenes; what an artist does comes by mouse and keyboard. A request is a line
of JSON that holds Python; the value of its last expression, or a traceback, is the answer.
"""

import ast
import json
import socket
import sys
import traceback

import bpy

SERVER = socket.socket(socket.AF_UNIX)
SERVER.bind(sys.argv[sys.argv.index("--") + 1])
SERVER.listen(1)
SERVER.setblocking(False)
NAMES = globals()
MODULE = "bl_ext.user_default.pullfocus"
FIVE = bpy.app.version >= (5, 0, 0)
HELD = {"connection": None, "read": b""}


def area_of(kind, window=None):
    for one in [window] if window else reversed(bpy.context.window_manager.windows):
        found = [a for a in one.screen.areas if a.type == kind]
        if found:
            return one, max(found, key=lambda a: a.width * a.height)
    raise LookupError(f"no {kind} in the window")


def opens(kind):
    return any(a.type == kind for w in bpy.context.window_manager.windows for a in w.screen.areas)


def region_of(kind, region):
    window, area = area_of(kind)
    if kind == "PREFERENCES" and region == "UI" and not FIVE:
        region = "NAVIGATION_BAR"
    return window, area, next(r for r in area.regions if r.type == region)


def lay_out_as_five():
    """Before 5.0 the workspace has no Image editor: one above, the nodes below, as 5.x has it."""
    window = bpy.context.window_manager.windows[0]
    if any(area.type == "IMAGE_EDITOR" for area in window.screen.areas):
        return
    above, below = (area_of(kind, window)[1] for kind in ("NODE_EDITOR", "DOPESHEET_EDITOR"))
    above.type, below.ui_type = "IMAGE_EDITOR", "CompositorNodeTree"
    below.spaces.active.show_region_ui = True
    below.spaces.active.show_backdrop = False


def show_viewer():
    """Let the Image editor show what a Viewer node shows, as in 5.x from the start."""
    space = region_of("IMAGE_EDITOR", "WINDOW")[1].spaces.active
    space.ui_mode, space.image = "VIEW", bpy.data.images["Viewer Node"]
    if not FIVE:  # 4.3 has composed nothing for viewers that nobody looked at
        aperture = node().inputs["Aperture"]
        aperture.default_value = aperture.default_value


def pick_a_brush():
    """Debian's 4.3 comes without the brushes that Blender ships: one of this file's own."""
    if bpy.context.scene.tool_settings.image_paint.brush is not None:
        return
    bpy.data.brushes.new("By Hand", mode="TEXTURE_PAINT").asset_mark()
    window, area, region = region_of("IMAGE_EDITOR", "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.brush.asset_activate(
            asset_library_type="LOCAL", relative_asset_identifier="Brush/By Hand"
        )


def compositor():
    """The scene's compositor tree, None where it has none."""
    scene = bpy.context.scene
    if FIVE:
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def box(kind, region):
    window, _, r = region_of(kind, region)
    return [window.x + r.x, window.y + r.y, r.width, r.height]


def under(kind, region):
    window, area, r = region_of(kind, region)
    held = bpy.context.window_manager
    with bpy.context.temp_override(window=window, area=area, region=r):
        for copy, given in (
            (bpy.ops.ui.copy_python_command_button, {}),
            (bpy.ops.ui.copy_data_path_button, {"full_path": True}),
        ):
            held.clipboard = ""
            if copy.poll():
                try:
                    copy(**given)
                except RuntimeError:
                    pass
                if held.clipboard:
                    return held.clipboard
    return ""


def image_box():
    """Where the Image editor shows its image: left, bottom, right, top, px of the screen."""
    window, _, r = region_of("IMAGE_EDITOR", "WINDOW")
    ends = [r.view2d.view_to_region(*at, clip=False) for at in ((0, 0), (1, 1))]
    x, y = window.x + r.x, window.y + r.y
    return [x + ends[0][0], y + ends[0][1], x + ends[1][0], y + ends[1][1]]


def job():
    held = sys.modules[f"{MODULE}.job_operator"].current_job()
    if held is None:
        return {"running": False}
    return {
        "running": held.running,
        "stage": held.stage,
        "fraction": held.fraction,
        "error": held.error,
        "stopped": held.stopped,
        "status": held.status(),
    }


def node():
    return sys.modules[f"{MODULE}.properties"].shot_node(bpy.context.scene)


def answer(code: str) -> object:
    body = ast.parse(code).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "asked", "exec"), NAMES)
    return eval(compile(ast.Expression(last.value), "asked", "eval"), NAMES) if last else None


def look() -> float:
    if HELD["connection"] is None:
        try:
            HELD["connection"], _ = SERVER.accept()
            HELD["connection"].setblocking(False)
        except BlockingIOError:
            return 0.02
    try:
        HELD["read"] += HELD["connection"].recv(1 << 20)
    except BlockingIOError:
        return 0.01
    while b"\n" in HELD["read"]:
        line, _, HELD["read"] = HELD["read"].partition(b"\n")
        try:
            said = {"value": answer(json.loads(line))}
            text = json.dumps(said)
        except BaseException:
            text = json.dumps({"error": traceback.format_exc()})
        HELD["connection"].setblocking(True)
        HELD["connection"].sendall(text.encode() + b"\n")
        HELD["connection"].setblocking(False)
    return 0.01


bpy.app.timers.register(look, persistent=True)
