# SPDX-License-Identifier: Apache-2.0
"""Checks of jobs: solve, farm, mattes, and marks that are followed."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import addon_panels
import bpy
from blender_desk import MODULE, ORDER, OUT, Known, addon, check, error_of, scene


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
    other = stage.view_layers.new("nothing")
    for holder in square.users_collection:
        holder.objects.unlink(square)
    apart = bpy.data.collections.new("apart")
    stage.collection.children.link(apart)
    apart.objects.link(square)
    other.layer_collection.children["apart"].exclude = True
    stage.render.filepath, stage.render.image_settings.file_format = "//kept", "JPEG"
    written = footage.write_view_layer(stage, name, OUT / "layer", [21, 22])
    nothing = footage.write_view_layer(stage, other.name, OUT / "nothing", [21])
    kept = [stage.render.filepath, stage.render.image_settings.file_format]
    bpy.context.window.scene = before
    film = stage.render.film_transparent
    bpy.data.scenes.remove(stage)
    left = [s.name for s in bpy.data.scenes if s.name.startswith("PullFocus")]
    left += [i.name for i in bpy.data.images if i.name.startswith("PullFocus matte")]
    facts = {"layer": written, "nothing": nothing, "kept": kept, "left": left}
    return {**facts, "no camera": no_camera, "film": film}
