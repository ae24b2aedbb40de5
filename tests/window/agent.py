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
    return window, area, next(r for r in area.regions if r.type == region)


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
