# SPDX-License-Identifier: Apache-2.0
import importlib.metadata
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from crossing_clip import Clip
from pullfocus.errors import MatteError
from pullfocus.plate.footage import open_shot
from pullfocus.roto.found import MatteRequest, find_mattes
from pullfocus.roto.onnx_model import _one
from pullfocus.roto.outline import overlap
from pullfocus.roto.tool import method_named
from toy_network import write_network

# what a tool of somebody else's might be: the key, brought along by 11 px a frame
TOY = """
import json, pathlib, sys
import cv2, numpy as np
plate, keys, out = map(pathlib.Path, sys.argv[1:4])
facts = json.loads((keys / "keys.json").read_text())
assert facts["format"] == "pullfocus keys 1"
assert len(list(plate.glob("plate.*.png"))) == len(facts["frames"])
mark = facts["marks"][0]
key = cv2.imread(str(keys / mark["file"]), 0)
for frame in facts["frames"]:
    step = frame - mark["frame"]
    move = np.array([[1, 0, 11.0 * step], [0, 1, 0.5 * step]])
    cv2.imwrite(
        str(out / f"{mark['layer']}.{frame:04d}.png"),
        cv2.warpAffine(key, move, (facts["width"], facts["height"])),
    )
"""


def request(on_disk: Path, **more) -> MatteRequest:
    return MatteRequest.parsed(key=[f"fg:1005={on_disk / 'key.png'}"], **more)


def test_a_command_finds_the_mattes(on_disk: Path, crossing: Clip, tmp_path: Path) -> None:
    toy = tmp_path / "toy.py"
    toy.write_text(TOY)
    shot = open_shot(str(on_disk / "plate.####.png"))
    command = f"{sys.executable} {toy} {{plate}} {{keys}} {{out}}"
    wanted = request(on_disk, command=command).read(shot)
    (matte,) = find_mattes(shot, wanted, report=lambda stage, fraction: None)
    shares = [overlap(matte.alpha(t), a) for t, a in enumerate(crossing.alphas)]
    assert min(shares) > 0.95
    assert matte.confidence[0] > 0.99


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import sys; print('no CUDA'); sys.exit(3)", r"failed \(3\): no CUDA"),
        ("pass", r"expected fg.1001.png or .exr in \{out\}, found neither"),
    ],
)
def test_a_command_that_fails_is_named(on_disk: Path, tmp_path: Path, code: str, said: str) -> None:
    toy = tmp_path / "toy.py"
    toy.write_text(code)
    shot = open_shot(str(on_disk / "plate.####.png"))
    command = f"{sys.executable} {toy} {{plate}} {{keys}} {{out}}"
    wanted = request(on_disk, command=command).read(shot)
    with pytest.raises(MatteError, match=said):
        find_mattes(shot, wanted, report=lambda stage, fraction: None)


def test_a_command_must_say_where_things_go(on_disk: Path) -> None:
    shot = open_shot(str(on_disk / "plate.####.png"))
    wanted = request(on_disk, command="tool {plate} {out}").read(shot)
    with pytest.raises(MatteError, match=r"expected \{keys\}"):
        find_mattes(shot, wanted, report=lambda stage, fraction: None)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-tool {plate} {keys} {out}", "cannot start no-such-tool: no such command"),
        ("sh -c 'tool {plate} {keys} {out}", "No closing quotation in"),
    ],
)
def test_a_command_that_cannot_be_is_told_at_once(on_disk: Path, command: str, said: str) -> None:
    shot = open_shot(str(on_disk / "plate.####.png"))
    stages: list[str] = []
    with pytest.raises(MatteError, match=said):
        find_mattes(
            shot,
            request(on_disk, command=command).read(shot),
            report=lambda stage, fraction: stages.append(stage),
        )
    assert not stages


def hold(frames, marks, report):
    """A plug-in: the key, everywhere."""
    (key,) = marks.keys.values()
    report(1.0)
    assert frames[0].dtype == np.uint8
    return [key for _ in frames]


def test_a_plug_in_is_found_by_its_name(on_disk: Path, crossing: Clip, monkeypatch) -> None:
    point = importlib.metadata.EntryPoint("hold", f"{__name__}:hold", "pullfocus.mattes")
    real = importlib.metadata.entry_points
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda **by: [point] if by == {"group": "pullfocus.mattes"} else real(**by),
    )
    shot = open_shot(str(on_disk / "plate.####.png"))
    wanted = request(on_disk, model="hold").read(shot)
    (matte,) = find_mattes(shot, wanted, report=lambda stage, fraction: None)
    assert overlap(matte.alpha(0), crossing.alphas[4]) > 0.99
    with pytest.raises(MatteError, match=r"plug-in \(hold\), got 'other'"):
        method_named("other")


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_network_finds_the_mattes(
    on_disk: Path, crossing: Clip, tmp_path: Path, goes_on: bool
) -> None:
    pytest.importorskip("onnxruntime")
    network = write_network(tmp_path / "toy.onnx", goes_on=goes_on)
    shot = open_shot(str(on_disk / "plate.####.png"))
    wanted = request(on_disk, model=str(network)).read(shot)
    seen: list[float] = []
    (matte,) = find_mattes(shot, wanted, report=lambda stage, fraction: seen.append(fraction))
    assert seen[-1] == 1
    # what it answers is what its one layer computes, on the frame as it is
    if not goes_on:
        frame = crossing.frames[0].astype(np.float64) / 255
        redder = cv2.blur(frame[..., 0] - frame[..., 1], (7, 7), borderType=cv2.BORDER_CONSTANT)
        assert np.abs(matte.alpha(0) - 1 / (1 + np.exp(6 - 40 * redder))).max() < 0.01
    shares = [overlap(matte.alpha(t), a) for t, a in enumerate(crossing.alphas)]
    assert min(shares) > 0.65
    assert np.abs(matte.alpha(4) - crossing.alphas[4]).max() < 0.01  # the key's own frame


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda p: p, "found none at"),
        (lambda p: p.write_text("no network") and p, "is no network"),
        (
            lambda p: write_network(p, goes_on=False, channels=4),
            r"expected an input \(1, 3, h, w\)",
        ),
    ],
)
def test_a_network_that_cannot_be_used_is_named(tmp_path: Path, make, said: str) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(MatteError, match=said):
        method_named(str(make(tmp_path / "net.onnx")))


def test_a_network_that_goes_on_wants_a_key(on_disk: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    network = write_network(tmp_path / "toy.onnx", goes_on=True)
    shot = open_shot(str(on_disk / "plate.####.png"))
    wanted = MatteRequest.parsed(box=["fg:1005=60,20,70,90"], model=str(network)).read(shot)
    with pytest.raises(MatteError, match="goes on from a key"):
        find_mattes(shot, wanted, report=lambda stage, fraction: None)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (np.zeros((1, 2, 8, 8)), r"expected an output \(1, 1, 8, 8\), got \(1, 2, 8, 8\)"),
        (RuntimeError("no kernel\nin node 3"), "the network failed: no kernel$"),
    ],
)
def test_a_network_that_fails_on_the_way_is_one_line(answer, said: str) -> None:
    class Session:
        def run(self, outputs: None, given: dict[str, np.ndarray]) -> list[np.ndarray]:
            if isinstance(answer, Exception):
                raise answer
            return [answer]

    picture = SimpleNamespace(name="frame", shape=[1, 3, 8, 8])
    with pytest.raises(MatteError, match=said):
        _one(Session(), [picture], np.zeros((16, 16, 3), np.uint8), None)


def test_an_onnx_file_wants_its_runtime(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MatteError, match="pip install onnxruntime"):
        method_named(str(tmp_path / "net.onnx"))


def test_keys_json_is_what_the_documentation_says() -> None:
    text = (Path(__file__).parents[2] / "docs" / "mattes.md").read_text(encoding="utf-8")
    block = text.split("```json")[1].split("```")[0]
    assert set(json.loads(block)) == {"format", "frames", "width", "height", "marks"}
