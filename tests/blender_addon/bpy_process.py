# SPDX-License-Identifier: Apache-2.0
"""The bundled clip, solved and baked, and the process of bpy that runs all checks on it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from pullfocus import cli
from pullfocus.passes.contract import LayerEntry, Passes
from pullfocus.passes.passes_json import write_passes_json
from pullfocus.plate.exr import Plane, read_exr, write_exr

ROOT = Path(__file__).parents[2]
CLIP = ROOT / "tests/clips/market"
BPY = Path(os.environ.get("PULLFOCUS_BPY", ROOT / ".venv-bpy/bin/python"))
FRAME = 8
DEPTHS = (0, 3, -3)
SQUEEZED = {"focus": -3, "values": (2.0, 0.5)}
VARIANTS = (
    "newer",
    "unsigned",
    "late",
    "acescg",
    "three",
    "one",
    "empty",
    "lacking",
    "named",
    "stray",
)
PICK = (140, 60, 8)
SQUARE = (0.3, 0.5, 0.4, 0.7)  # of the atlas: left, right, bottom, top


def picture(path: str | Path) -> np.ndarray:
    """R G B A of a render, (h, w, 4); 5.x writes names with a layer."""
    image = oiio.ImageBuf(str(path))
    names = [name.rsplit(".", 1)[-1] for name in image.spec().channelnames]
    pixels = np.asarray(image.get_pixels(oiio.FLOAT))
    return pixels[..., [names.index(name) for name in "RGBA"]]


def display(light: np.ndarray) -> np.ndarray:
    light = light.clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Of display-encoded colours, dB."""
    apart = (display(first[..., :3]) - display(second[..., :3])) ** 2
    return float(-10 * np.log10(max(apart.mean(), 1e-10)))


def pullfocus(*arguments: object) -> None:
    assert cli.run([*map(str, arguments), "--progress", "json"]) == 0


@pytest.fixture(scope="session")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A draft of the bundled clip, baked; and passes that are newer, and that tell no depth."""
    if not BPY.exists():
        pytest.skip(f"needs Blender as a Python module (make blender), got none at {BPY}")
    starts = subprocess.run([str(BPY), "-c", "import bpy"], capture_output=True, text=True)
    # bpy that could not be installed, or libraries of a desktop that this machine lacks
    if "ImportError" in starts.stderr or "ModuleNotFoundError" in starts.stderr:
        pytest.skip(f"Blender does not start here: {starts.stderr.splitlines()[-1]}")
    folder = tmp_path_factory.mktemp("blender")
    matte = f"fg={CLIP}/alpha.####.png"
    draft = ["--quality", "draft", "--steps", "150"]
    pullfocus(
        "solve", f"{CLIP}/plate.####.png", "--matte", matte, "--out", folder / "x.solve", *draft
    )
    pullfocus("bake", folder / "x.solve", "--out", folder / "passes")
    document = json.loads((folder / "passes/passes.json").read_text())
    for name, change in (
        ("newer", {"version": "2.0"}),
        ("unsigned", {"coc_signed": False, "lens_curve": None}),
        ("acescg", {"colorspace": "ACEScg"}),
        ("named", {"solve": "../x.solve"}),
        ("stray", {"solve": "../nowhere.solve"}),
    ):
        shutil.copytree(folder / "passes", folder / name)
        (folder / name / "passes.json").write_text(json.dumps({**document, **change}))
    later(folder / "passes", folder / "late", 1000)
    write_layers(folder / "three", ("near", "mid", "far"))
    write_layers(folder / "one", ("whole",))
    for name in ("empty", "lacking"):
        write_layers(folder / name, ("whole",))
    (folder / "empty/flat.0007.exr").unlink()
    bare = [Plane(name="beauty", data=np.ones((36, 64, 4)), channels=tuple("RGBA"), half=True)]
    write_exr(folder / "lacking/flat.0007.exr", bare, metadata={})
    return folder


def later(source: Path, target: Path, offset: int) -> None:
    """Copy passes, with other frame numbers."""
    shutil.copytree(source, target)
    document = json.loads((target / "passes.json").read_text())
    for frame in document["frames"]:
        old = target / f"plate.{frame:04d}.exr"
        old.rename(target / f"plate.{frame + offset:04d}.exr")
    document["frames"] = [frame + offset for frame in document["frames"]]
    focus = document["lens_curve"]["focus"]
    document["lens_curve"]["focus"] = {str(int(k) + offset): v for k, v in focus.items()}
    (target / "passes.json").write_text(json.dumps(document))


def write_layers(folder: Path, names: tuple[str, ...]) -> None:
    """Write one frame of flat layers, each covering less than the one behind."""
    folder.mkdir()
    height, width = 36, 64
    passes = Passes(
        layers=tuple(
            LayerEntry(name, f"atlas_{name}.exr", 8, 8, complete=name == names[-1])
            for name in names
        ),
        frames=(7,),
        file_pattern="flat.####.exr",
        width=width,
        height=height,
        rate="25/1",
        colorspace="lin_rec709_srgb",
        coc_signed=True,
        lens_curve={"focus": {"7": 0.5}},
    )
    flat = np.zeros((height, width), np.float32)
    data = {"coc": flat, "alpha": flat, "confidence": flat + 0.5, "forward": np.dstack([flat] * 2)}
    data |= {"beauty": np.dstack([flat] * 4), "backward": data["forward"], "depth": flat}
    for index, name in enumerate(names):
        matte = np.ones_like(flat)
        if name != names[-1]:
            matte = np.zeros_like(flat)
            matte[:, : 20 * (index + 1)] = 0.2 if index else 1
        colour = np.array([0.1, 0.4, 0.9], np.float32) * (index + 1) / 3
        data[name] = np.dstack([matte[..., None] * colour, matte])
        data[f"{name}_uv"] = np.dstack([flat + 0.5, flat + 0.5, matte])
        data[f"{name}_coc"] = flat
        write_exr(
            folder / f"atlas_{name}.exr",
            [Plane(name="a", data=np.full((8, 8, 3), 0.2), channels=tuple("RGB"), half=True)],
            metadata={},
        )
    write_passes_json(folder / "passes.json", passes)
    planes = [
        Plane(name=p.name, data=data[p.name], channels=p.channels, half=p.half)
        for p in passes.pass_table(depth=True)
    ]
    write_exr(folder / "flat.0007.exr", planes, metadata={})


@pytest.fixture(scope="session")
def references(solved: Path, blender: subprocess.Popen) -> dict[str, np.ndarray]:
    """What pullfocus writes, R G B A by name, while Blender works."""
    from pullfocus.refocus.focus import FocusKey
    from pullfocus.refocus.new_lens import NewLens
    from pullfocus.refocus.refocus import refocus

    from cuda_lensblur import Aperture

    wanted: dict[str, dict] = {
        "sharp": {"lens": NewLens(aperture=0)},
        "overlay": {"keys": (FocusKey(None, 0.0),), "overlay": True},
        "plate": {"keys": (FocusKey(None, "plate"),)},
        "keep sharp": {"keep_sharp": ("fg",)},
        "wide": {
            "keys": (FocusKey(None, 0.0),),
            "lens": NewLens(aperture=1.5, near=0.5, max_radius_px=5.0),
        },
        **{
            f"focus {d:g}": {"keys": (FocusKey(None, float(d)),), "focus_mattes": True}
            for d in DEPTHS
        },
        **{
            f"squeeze {value:g}": {
                "keys": (FocusKey(None, float(SQUEEZED["focus"])),),
                "lens": NewLens(bokeh=Aperture(squeeze=value)),
            }
            for value in SQUEEZED["values"]
        },
    }
    found = {}
    for name, options in wanted.items():
        out = solved / "refocused" / name
        out.parent.mkdir(exist_ok=True)
        refocus(solved / "x.solve", out, frames=f"{FRAME}-{FRAME + 2}", **options)
        for step, path in enumerate(sorted(out.iterdir())):
            channels = read_exr(path)
            found[name if step == 0 else f"{name} +{step}"] = np.dstack(
                [channels[c] for c in "RGBA"]
            )
            if step == 0:
                found[f"{name} coc"] = channels["coc.X"]
                found[f"{name} matte"] = channels["alpha.A"]
                for side in ("near", "far"):
                    if f"{side}.X" in channels:
                        found[f"{name} {side}"] = channels[f"{side}.X"]
    return found


@pytest.fixture(scope="session")
def blender(solved: Path):
    """The process that runs all checks."""
    order = {
        "source": str(ROOT / "blender_addon"),
        "out": str(solved / "out"),
        "python": sys.executable,
        "passes": str(solved / "passes/passes.json"),
        **{name: str(solved / name) for name in VARIANTS},
        "solve": str(solved / "x.solve"),
        "clip": str(CLIP),
        "frame": FRAME,
        "depths": DEPTHS,
        "squeezed": SQUEEZED,
        "pick": PICK,
        "square": SQUARE,
        "group": "PullFocus plate (passes)",
    }
    (solved / "order.json").write_text(json.dumps(order))
    path = os.pathsep.join([str(ROOT / "core"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {
        **os.environ,
        "BLENDER_USER_RESOURCES": str(solved / "user"),
        "PYTHONPATH": path.rstrip(os.pathsep),
    }
    (solved / "user").mkdir()
    with (solved / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [
                str(BPY),
                str(Path(__file__).with_name("blender_checks.py")),
                str(solved / "order.json"),
            ],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield process
    if process.poll() is None:
        process.kill()


@pytest.fixture(scope="session")
def results(solved: Path, blender: subprocess.Popen, references: dict) -> dict:
    code = blender.wait(240)
    path = solved / "out/results.json"
    log = (solved / "log.txt").read_text()
    assert code == 0, log[-2000:]
    return json.loads(path.read_text())


def held(results: dict, name: str) -> dict:
    """What a check found; its traceback where it failed."""
    found = results[name]
    assert "failed" not in found, found["failed"]
    return found
