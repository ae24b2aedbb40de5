# SPDX-License-Identifier: Apache-2.0
"""Checks of the first shot: install, panels, import, views, focus, keys, paint."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import addon_panels
import bpy
from blender_desk import MODULE, ORDER, OUT, Known, addon, check, error_of, node, render, scene


@check
def package():
    """Validate and build with Blender's own packager, install, enable."""
    tool = Path(bpy.utils.system_resource("SCRIPTS")) / "addons_core/bl_pkg/cli/blender_ext.py"
    results = {}
    for step in (
        ["validate", ORDER["source"]],
        ["build", "--source-dir", ORDER["source"], "--output-dir", str(OUT)],
    ):
        done = subprocess.run([sys.executable, str(tool), *step], capture_output=True, text=True)
        results[step[0]] = [done.returncode, done.stdout + done.stderr]
    (zip_file,) = OUT.glob("*.zip")
    results["size"] = zip_file.stat().st_size
    began = time.perf_counter()
    bpy.ops.extensions.package_install_files(
        filepath=str(zip_file), repo="user_default", enable_on_install=True
    )
    results["enable_s"] = time.perf_counter() - began
    results["enabled"] = MODULE in bpy.context.preferences.addons
    held = bpy.context.preferences.addons[MODULE].preferences
    held.launcher = ORDER["python"]
    results["online"] = bpy.app.online_access
    return results


@check
def test_button():
    result = bpy.ops.pullfocus.test()
    held = bpy.context.preferences.addons[MODULE].preferences
    found = held.found
    held.launcher = "/nowhere/python3"
    missing = error_of(bpy.ops.pullfocus.test)
    held.launcher = ORDER["python"]
    return {"result": sorted(result), "found": found, "missing": missing}


@check
def panels_without_shot():
    return addon_panels.draw_all(MODULE)


@check
def import_passes():
    result = bpy.ops.pullfocus.import_passes(filepath=ORDER["passes"])
    addon("compat").render_on_cpu(scene())
    addon("compat").write_exr(scene().render.image_settings)
    render_ = scene().render
    return {
        "result": sorted(result),
        "size": [render_.resolution_x, render_.resolution_y],
        "range": [scene().frame_start, scene().frame_end],
        "fps": render_.fps / render_.fps_base,
        "inputs": [socket.name for socket in node().inputs],
        "focus": node().inputs["Focus"].default_value,
        "frames": sorted(n.label for n in node().node_tree.nodes if n.type == "FRAME"),
        "outside frames": [n.name for n in node().node_tree.nodes if n.parent is None],
        "missing": error_of(lambda: bpy.ops.pullfocus.import_passes(filepath="/nowhere")),
        **{
            name: error_of(lambda name=name: bpy.ops.pullfocus.import_passes(filepath=ORDER[name]))
            for name in ("newer", "empty", "lacking")
        },
        "groups": len(bpy.data.node_groups),
    }


@check
def views():
    shot = ORDER["frame"]
    names = [item.name for item in scene().pullfocus.bl_rna.properties["view"].enum_items]
    return {
        name: render(f"view_{number}", shot, View=number, Layer=1, Focus=0.0)
        for number, name in enumerate(names)
    }


@check
def pulls():
    """Focus elsewhere, and what the plate's own focus does over time, with keys alone."""
    shot = ORDER["frame"]
    files = {
        f"focus {depth:g}": render(f"focus_{index}", shot, View=0, Focus=float(depth))
        for index, depth in enumerate(ORDER["depths"])
    }
    files["plate"] = render("plate", shot, Follow_Plate=1.0)
    files["plate later"] = render("plate_later", shot + 2, Follow_Plate=1.0)
    files["wide"] = render(
        "wide", shot, Follow_Plate=0.0, Focus=0.0, Aperture=1.5, Near=0.5, Max_Radius=5.0
    )
    node().inputs["Aperture"].default_value = 1.0
    node().inputs["Near"].default_value = 1.0
    node().inputs["Max Radius"].default_value = 64.0
    return files


@check
def keep_sharp():
    file = render("keep_sharp", ORDER["frame"], Follow_Plate=1.0, fg_Sharp=1.0)
    off = render("fg_off", ORDER["frame"], View=3, fg=False, fg_Sharp=0.0)
    node().inputs["fg"].default_value = True
    node().inputs["Follow Plate"].default_value = 0.0
    return {"file": file, "off": off}


@check
def squeezes():
    """An iris higher than wide, and one wider than high, by its iris inputs alone."""
    shot, iris = ORDER["frame"], {"View": 0, "Focus": float(ORDER["squeezed"]["focus"])}
    files = {
        f"{value:g}": render(f"squeeze_{index}", shot, Squeeze=float(value), **iris)
        for index, value in enumerate(ORDER["squeezed"]["values"])
    }
    node().inputs["Squeeze"].default_value = 1.0
    files["1"] = render("squeeze_none", shot, **iris)
    return files


@check
def focus_mattes():
    """What lies before and behind the focus, linked to the output in place of the picture."""
    output = addon("compat").output_socket(addon("compat").compositor_of(scene()))
    links, files = node().id_data.links, {}
    for name in ("Near Matte", "Far Matte"):
        links.new(node().outputs[name], output)
        for depth in ORDER["depths"]:
            key = f"{name} {depth:g}"
            files[key] = render(key.replace(" ", "_"), ORDER["frame"], Focus=float(depth))
    files["while nothing blurs"] = render("far_unblurred", ORDER["frame"], View=3)
    links.new(node().outputs["Image"], output)
    node().inputs["Focus"].default_value = 0.0
    return files


@check
def pick():
    """Keys on two layers; between them focus moves by itself."""
    first, last = scene().frame_start, scene().frame_end
    x, y, frame = ORDER["pick"]
    scene().frame_set(frame)
    bpy.ops.pullfocus.pick_focus(x=x, y=y)
    picked = node().inputs["Focus"].default_value
    scene().frame_set(last)
    bpy.ops.pullfocus.focus_layer(layer="bg")
    layer = node().inputs["Focus"].default_value
    middle = render("pulled", (frame + last) // 2, View=0)
    return {
        "picked": picked,
        "bg": layer,
        "middle": node().inputs["Focus"].default_value,
        "at": (frame + last) // 2,
        "file": middle,
        "outside": error_of(lambda: bpy.ops.pullfocus.pick_focus(x=-1, y=0)),
        "no layer": error_of(lambda: bpy.ops.pullfocus.focus_layer(layer="sky")),
        "range": [first, last],
    }


@check
def clicks():
    """Pick Focus by mouse: in an Image editor, on the backdrop, beside both, and Esc."""
    pick_type = addon("focus_op").PULLFOCUS_OT_pick_focus
    nothing = lambda *_, **__: None  # noqa: E731
    view = Known("View2D", region_to_view=lambda x, y: (x / 512, y / 288))
    image_region = Known("Region", type="WINDOW", x=0, y=0, width=512, height=288, view2d=view)
    node_region = Known("Region", type="WINDOW", x=512, y=0, width=400, height=288, view2d=None)
    backdrop = Known(
        "SpaceNodeEditor", show_backdrop=True, backdrop_zoom=0.5, backdrop_offset=(10.0, 0.0)
    )
    areas = [
        Known(
            "Area",
            type="IMAGE_EDITOR",
            regions=[image_region],
            spaces=Known("AreaSpaces", active=Known("SpaceImageEditor", image=None)),
        ),
        Known(
            "Area",
            type="NODE_EDITOR",
            regions=[node_region],
            spaces=Known("AreaSpaces", active=backdrop),
        ),
    ]
    window = Known(
        "Window",
        screen=Known("Screen", areas=areas),
        cursor_modal_set=nothing,
        cursor_modal_restore=nothing,
    )
    workspace = Known("WorkSpace", status_text_set=nothing)
    manager = Known("WindowManager", modal_handler_add=nothing)
    context = SimpleNamespace(
        window=window, workspace=workspace, window_manager=manager, scene=scene()
    )
    x, y, frame = ORDER["pick"]
    scene().frame_set(frame)
    found = {}
    over_backdrop = (512 + 200 + 10 + (x + 0.5 - 128) / 2, 144 - (y + 0.5 - 72) / 2)
    for name, (mx, my), event in (
        ("image", (2 * x + 1, 288 - 2 * y - 1), "LEFTMOUSE"),
        ("atlas", (2 * x + 1, 288 - 2 * y - 1), "LEFTMOUSE"),
        ("backdrop", over_backdrop, "LEFTMOUSE"),
        ("beside", (2000, 10), "LEFTMOUSE"),
        ("esc", (0, 0), "ESC"),
        ("move", (0, 0), "MOUSEMOVE"),
    ):
        said: list[str] = []
        atlas = node().node_tree.nodes["bg painted"].image
        areas[0].spaces.active.image = atlas if name == "atlas" else None
        one = SimpleNamespace(
            x=0, y=0, key=False, report=lambda kind, text, said=said: said.append(text)
        )
        one.execute = lambda context, one=one: pick_type.execute(one, context)
        one._done = lambda context, one=one: pick_type._done(one, context)
        node().inputs["Focus"].default_value = 99.0
        assert pick_type.invoke(one, context, None) == {"RUNNING_MODAL"}
        mouse = Known("Event", type=event, value="PRESS", mouse_x=mx, mouse_y=my)
        result = pick_type.modal(one, context, mouse)
        focus = node().inputs["Focus"].default_value
        found[name] = [sorted(result), one.x, one.y, focus, said]
    return found


@check
def paint():
    """Paint a square on the background's atlas; save; the exact way; reset."""
    shot = ORDER["frame"]
    tree = scene().compositing_node_group if hasattr(scene(), "compositing_node_group") else None
    owner = tree or scene().node_tree
    owner.animation_data_clear()
    before = render("unpainted", shot, View=3)
    bpy.ops.pullfocus.paint(layer="bg")
    image = node().node_tree.nodes["bg painted"].image
    width, height = image.size
    pixels = list(image.pixels)
    left, right, bottom, top = ORDER["square"]
    x0, x1, y0, y1 = (
        round(left * width),
        round(right * width),
        round(bottom * height),
        round(top * height),
    )
    for y in range(y0, y1):
        for x in range(x0, x1):
            at = 4 * (y * width + x)
            pixels[at : at + 4] = [0.8, 0.1, 0.05, 1.0]
    image.pixels[:] = pixels
    image.update()
    own_file = bpy.path.abspath(image.filepath)
    live = render("painted", shot, View=3)
    bpy.ops.pullfocus.save_paint(layer="bg")
    saved = bpy.path.abspath(image.filepath)
    scene().pullfocus.solve_path = ORDER["solve"]
    place, shown = node(), render("live_result", shot, View=0, Focus=0.0)
    place.inputs["Focus"].default_value += 1.5
    focus = place.inputs["Focus"].default_value
    exact = bpy.ops.pullfocus.propagate(layer="bg")
    output = addon("compat").output_socket(addon("compat").compositor_of(scene()))
    in_place = {
        "same node": node() == place == output.links[0].from_node,
        "group": [scene().pullfocus.shot.name, place.node_tree.name, place.label],
        "passes": addon("import_passes").passes_of(place.node_tree).folder.name,
        "focus": node().inputs["Focus"].default_value == focus,
        "nodes": sum(n.type == "GROUP" for n in place.id_data.nodes),
        "live": shown,
        "shown": render("exact_result", shot, View=0, Focus=focus - 1.5),
    }
    beside = bpy.ops.pullfocus.import_passes(filepath=ORDER["passes"], in_place=False)
    apart = {
        "result": sorted(beside),
        "panels about": scene().pullfocus.shot == place.node_tree,
        "shown": output.links[0].from_node == place,
    }
    extra = next(n for n in place.id_data.nodes if n.type == "GROUP" and n != place)
    addon("same_shot").remove_group(extra.node_tree)
    place.id_data.nodes.remove(extra)
    reopened = bpy.ops.pullfocus.import_passes(filepath=ORDER["passes"])
    again = render("painted_again", shot, View=3)
    bpy.ops.pullfocus.reset_paint(layer="bg")
    reset = render("reset", shot, View=3)
    return {
        "before": before,
        "live": live,
        "own file": own_file,
        "saved": saved,
        "again": again,
        "reopened": sorted(reopened),
        "exact": sorted(exact),
        "reset": reset,
        "in place": in_place,
        "beside": apart,
        "back": node() == place,
        "groups": [g.name for g in bpy.data.node_groups if g.name.startswith("PullFocus")],
        "no layer": error_of(lambda: bpy.ops.pullfocus.save_paint(layer="sky")),
    }
