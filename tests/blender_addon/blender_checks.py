# SPDX-License-Identifier: Apache-2.0
"""Runs in the Python of bpy: installs the extension, runs everything it does, writes down results.

    python blender_checks.py ORDER.json [CHECK ...]

Names of checks run only those. The order says where sources, passes, solve, clip and the Python of
pullfocus are. Every check writes what it found to ``results.json`` in the output folder; tests read
that.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

import addon_panels
import bpy

ORDER = json.loads(Path(sys.argv[1]).read_text())
OUT = Path(ORDER["out"])
MODULE = "bl_ext.user_default.pullfocus"
RESULTS: dict[str, object] = {}
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


def addon(name: str):
    return sys.modules[f"{MODULE}.{name}"]


def scene():
    return bpy.context.scene


def node():
    return addon("properties").shot_node(scene())


def render(name: str, frame: int, **inputs) -> str:
    for key, value in inputs.items():
        if key == "View":
            addon("group_views").show_view(node(), value)
        else:
            node().inputs[key.replace("_", " ")].default_value = value
    scene().frame_set(frame)
    scene().render.filepath = str(OUT / f"{name}.exr")
    bpy.ops.render.render(write_still=True)
    return scene().render.filepath


def error_of(call) -> str:
    """What an operator reports when it fails; Blender raises it to scripts."""
    try:
        result = call()
    except RuntimeError as error:
        return str(error).strip()
    return f"no error: {result}"


def names_left() -> dict[str, list[str]]:
    """Everything of ours that Blender knows of."""
    return {
        "operators": [n for n in dir(bpy.ops.pullfocus)],
        "types": [n for n in dir(bpy.types) if "pullfocus" in n.lower()],
        "scene": [n for n in ("pullfocus",) if hasattr(bpy.types.Scene, n)],
        "handlers": [
            str(f)
            for group in dir(bpy.app.handlers)
            if isinstance(getattr(bpy.app.handlers, group), list)
            for f in getattr(bpy.app.handlers, group)
            if MODULE in getattr(f, "__module__", "")
        ],
    }


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


class Known:
    """Stands in for something of Blender's; a name that Blender's own has not is refused."""

    def __init__(self, kind: str, **values: object) -> None:
        rna = getattr(bpy.types, kind).bl_rna
        names = {*rna.properties.keys(), *rna.functions.keys(), *dir(getattr(bpy.types, kind))}
        unknown = set(values) - names
        if unknown:
            raise AttributeError(f"{kind} has no {sorted(unknown)}")
        self.__dict__.update(values)


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


@check
def solve():
    """Solve, bake and import from a path and a Blender mask; cancel, then go on."""
    settings = scene().pullfocus
    settings.plate_source = "PATH"
    settings.plate_path = str(Path(ORDER["clip"]) / "plate.0001.png")
    settings.frames = "1-4"
    settings.solve_path = settings.passes_path = ""
    bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "blend" / "shot.blend"))
    nothing = error_of(lambda: bpy.ops.pullfocus.bake())
    bpy.ops.pullfocus.matte_add()
    settings.mattes[0].path = str(Path(ORDER["clip"]) / "alpha.0001.png")
    bpy.ops.pullfocus.matte_add()
    second = settings.mattes[1].name
    settings.mattes[1].name = "fg"
    twice = error_of(bpy.ops.pullfocus.solve)
    bpy.ops.pullfocus.matte_remove()
    settings.quality = "draft"
    settings.use_minutes, settings.minutes = True, 0.1
    stopped = stop_after_a_moment()
    result = bpy.ops.pullfocus.solve()
    return {
        "nothing to bake": nothing,
        "second name": second,
        "twice": twice,
        "stopped": stopped,
        "result": sorted(result),
        "shot": settings.shot.name,
        "folder": sorted(p.name for p in (OUT / "blend/pullfocus").iterdir()),
        "preview": bpy.data.images["PullFocus Preview"].size[0] > 0,
        "stored": settings.shot["pullfocus_passes"],
    }


@check
def farm():
    """Write the shot's job, beside its solve; then hand it to a program that takes it."""
    settings = scene().pullfocus
    result = bpy.ops.pullfocus.send_to_farm()
    bundle = OUT / "blend/pullfocus/plate_job"
    found = {
        "result": sorted(result),
        "bundle": str(bundle),
        "solve": str(OUT / "blend/pullfocus/plate.solve"),
        "passes": str(OUT / "blend/pullfocus/plate_passes"),
        "minutes": settings.minutes,
        "files": {path.name: path.read_text() for path in bundle.iterdir()},
    }
    preferences = bpy.context.preferences.addons[MODULE].preferences
    touch = "import pathlib, sys; pathlib.Path(sys.argv[1], 'sent').touch()"
    preferences.submit = f'"{sys.executable}" -c "{touch}"'
    settings.job_path = str(OUT / "elsewhere")
    found["submitted"] = sorted(bpy.ops.pullfocus.send_to_farm())
    found["sent"] = (OUT / "elsewhere" / "sent").exists()
    preferences.submit = "/no/such/program"
    found["not sent"] = error_of(bpy.ops.pullfocus.send_to_farm)
    preferences.submit = settings.job_path = ""
    return found


def stop_after_a_moment() -> dict[str, object]:
    """Drive the operator as the window does, and press Cancel once there is a checkpoint."""
    operator = addon("job_operator")
    solve_type = addon("solve_op").PULLFOCUS_OT_solve

    class Bare(operator.JobOperator):
        prepare = solve_type.prepare
        finish = solve_type.finish

        def report(self, kind, text):
            said.append([sorted(kind), text])

    said: list[object] = []
    one = Bare()
    one._begin(bpy.context)
    second = Bare()
    assert not second._begin(bpy.context)
    job = operator.current_job()
    slowest, steps = 0.0, 0
    timers: list[object] = []
    manager = SimpleNamespace(windows=[], event_timer_remove=timers.append)
    window = SimpleNamespace(window_manager=manager, scene=scene())
    one._timer = "timer"
    panels = None
    result = {"PASS_THROUGH"}
    while result == {"PASS_THROUGH"}:
        began = time.perf_counter()
        result = one.modal(window, SimpleNamespace(type="TIMER"))
        slowest = max(slowest, time.perf_counter() - began)
        assert one.modal(window, SimpleNamespace(type="ESC")) == {"PASS_THROUGH"}
        if panels is None and job.stage == "solve":
            panels = addon_panels.draw_all(MODULE)["PULLFOCUS_PT_solve"]
        steps += job.stage == "solve"
        if job.stage == "solve" and job.fraction > 0.2 and not job._asked_to_stop:
            bpy.ops.pullfocus.cancel()
        time.sleep(0.02)
    return {
        "end": sorted(result),
        "said": said,
        "slowest": slowest,
        "steps": steps,
        "timers": timers,
        "panels": panels,
    }


@check
def masks():
    """A Blender mask and a view layer, written out as mattes."""
    footage = addon("footage")
    mask = bpy.data.masks.new("roto")
    spline = mask.layers.new(name="a").splines.new()
    spline.points.add(4 - len(spline.points))
    spline.use_cyclic = True
    corners = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
    for point, place in zip(spline.points, corners, strict=True):
        point.co = point.handle_left = point.handle_right = place
    written = footage.write_mask(scene(), mask, OUT / "mask", [7, 8], (128, 72))
    settings = scene().pullfocus
    settings.plate_source, settings.plate_path = "PATH", str(Path(ORDER["clip"]) / "plate.0001.png")
    settings.mattes.clear()
    for name in ("fg", "mid"):
        settings.mattes.add().name = name
    settings.mattes[0].source, settings.mattes[0].mask = "MASK", mask
    settings.mattes[1].source = "LAYER"
    settings.mattes[1].view_layer = scene().view_layers[0].name
    render_ = scene().render
    before = render_.resolution_x
    render_.resolution_x = 100
    try:
        addon("footage").matte_paths(scene(), footage.plate_path(scene()), OUT / "mattes")
    except addon("errors").AddonError as error:
        wrong_size = str(error)
    render_.resolution_x = before
    settings.mattes.clear()
    return {
        "mask": written,
        "of the plate": str(OUT / "mattes/fg/matte.####.png"),
        "wrong size": wrong_size,
        **view_layer(footage),
    }


@check
def follow():
    """A box by mouse and a mask, each on one frame, followed; what comes out is the matte."""
    settings, current = scene().pullfocus, scene().frame_current
    settings.plate_source, settings.plate_path = "PATH", str(Path(ORDER["clip"]) / "plate.0001.png")
    settings.frames = "8-11"
    settings.mattes.clear()
    nobody = bpy.ops.pullfocus.follow.poll()
    bpy.ops.pullfocus.matte_add()
    layer = settings.mattes[0]
    layer.key_from = "BOX"
    no_box = error_of(bpy.ops.pullfocus.follow)
    layer.key_from = "MASK"
    no_mask = error_of(bpy.ops.pullfocus.follow)
    scene().frame_set(scene().frame_start + 900)
    off = error_of(lambda: bpy.ops.pullfocus.draw_box(box=(1, 1, 9, 9)))
    scene().frame_set(scene().frame_start + 9)
    said = dragged((94, 1, 179, 142))
    boxed = [layer.key_from, list(layer.box), layer.box_frame]
    panel = addon_panels.draw_all(MODULE)["PULLFOCUS_PT_solve"]
    result = bpy.ops.pullfocus.follow()
    by_box = [sorted(result), layer.source, layer.path]
    mask = bpy.data.masks.new("coat")
    spline = mask.layers.new(name="a").splines.new()
    spline.points.add(4 - len(spline.points))
    spline.use_cyclic = True
    corners = ((0.42, 0.1), (0.6, 0.1), (0.6, 0.9), (0.42, 0.9))
    for point, place in zip(spline.points, corners, strict=True):
        point.co = point.handle_left = point.handle_right = place
    layer.key_from, layer.mask = "MASK", mask
    bpy.ops.pullfocus.follow()
    folder = Path(addon("footage").folders(scene())[0]).with_suffix(".followed")
    found = {
        "nobody": nobody,
        "no box": no_box,
        "no mask": no_mask,
        "off": off,
        "said": said,
        "boxed": boxed,
        "panel": panel,
        "by box": by_box,
        "by mask": [layer.source, layer.path],
        "files": sorted(p.name for p in folder.glob("fg_key/*")),
        "frames": sorted(p.name for p in folder.glob("fg/*")),
        "key": str(folder / "fg_key/matte.0010.png"),
    }
    settings.mattes.clear()
    settings.frames = ""
    scene().frame_set(current)
    return found


def dragged(corners: tuple[int, int, int, int]) -> dict[str, object]:
    """Drag a box over an Image editor, and press Esc in the middle of another one."""
    draw = addon("follow_op").PULLFOCUS_OT_draw_box
    nothing = lambda *_, **__: None  # noqa: E731
    view = Known("View2D", region_to_view=lambda x, y: (x / 256, y / 144))
    region = Known("Region", type="WINDOW", x=100, y=50, width=256, height=144, view2d=view)
    screen = Known("Screen", areas=[Known("Area", type="IMAGE_EDITOR", regions=[region])])
    context = SimpleNamespace(
        window=Known(
            "Window", screen=screen, cursor_modal_set=nothing, cursor_modal_restore=nothing
        ),
        workspace=Known("WorkSpace", status_text_set=nothing),
        window_manager=Known("WindowManager", modal_handler_add=nothing),
        scene=scene(),
    )
    left, top, right, bottom = corners

    def mouse(kind: str, x: float, y: float, value: str = "NOTHING") -> object:
        return Known(
            "Event", type=kind, value=value, mouse_x=100 + x + 0.5, mouse_y=50 + 144 - y - 0.5
        )

    found = {}
    for name, end in (
        ("esc", mouse("ESC", 0, 0, "PRESS")),
        ("beside", mouse("LEFTMOUSE", 900, 0, "RELEASE")),
        ("box", mouse("LEFTMOUSE", right - 1, top, "RELEASE")),
    ):
        said: list[str] = []
        one = SimpleNamespace(report=lambda kind, text, said=said: said.append(text))
        one.execute = lambda context, one=one: draw.execute(one, context)
        one._done = lambda context, one=one: draw._done(one, context)
        results = [sorted(draw.invoke(one, context, None))]
        for event in (
            mouse("MOUSEMOVE", 3, 3),
            mouse("LEFTMOUSE", left, bottom - 1, "PRESS"),
            mouse("MOUSEMOVE", right, top),
            end,
        ):
            results.append(sorted(draw.modal(one, context, event)))
        found[name] = [results, said]
    return found


def view_layer(footage) -> dict[str, object]:
    """A square that leaves the picture on the second frame, in a scene of its own."""
    before = scene()
    stage = bpy.data.scenes.new("stage")
    bpy.context.window.scene = stage
    stage.render.resolution_x, stage.render.resolution_y = 64, 36
    stage.frame_start = 3
    bpy.ops.mesh.primitive_plane_add(size=2)
    square = bpy.context.object
    for frame, x in ((3, 0.0), (4, 50.0)):
        square.location.x = x
        square.keyframe_insert("location", frame=frame)
    name = stage.view_layers[0].name
    no_camera = ""
    try:
        footage.write_view_layer(stage, name, OUT / "layer", [1])
    except addon("errors").AddonError as error:
        no_camera = str(error)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    stage.collection.objects.link(camera)
    camera.location, camera.data.type, camera.data.ortho_scale = (0, 0, 5), "ORTHO", 4
    stage.camera = camera
    stage.render.engine = "CYCLES"
    stage.cycles.samples = 4
    written = footage.write_view_layer(stage, name, OUT / "layer", [21, 22])
    bpy.context.window.scene = before
    film = stage.render.film_transparent
    bpy.data.scenes.remove(stage)
    left = [s.name for s in bpy.data.scenes if s.name.startswith("PullFocus")]
    return {"layer": written, "no camera": no_camera, "film": film, "left": left}


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


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "blend").mkdir(exist_ok=True)
    RESULTS["_passes"] = str(Path(ORDER["passes"]).parent)
    RESULTS["blender"] = bpy.app.version_string
    seconds = {}
    chosen = sys.argv[2:]
    for function in (f for f in CHECKS if not chosen or f.__name__ in chosen):
        began = time.perf_counter()
        try:
            RESULTS[function.__name__] = function()
        except Exception:
            RESULTS[function.__name__] = {"failed": traceback.format_exc()}
        seconds[function.__name__] = round(time.perf_counter() - began, 2)
    RESULTS["seconds"] = seconds
    (OUT / "results.json").write_text(json.dumps(RESULTS, indent=1, default=str))


if __name__ == "__main__":
    main()
