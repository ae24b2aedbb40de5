# SPDX-License-Identifier: Apache-2.0
import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from crossing_clip import Clip
from pullfocus.errors import MatteError
from pullfocus.plate.footage import open_shot
from pullfocus.roto.found import MatteRequest, find_mattes
from pullfocus.roto.outline import overlap
from pullfocus.roto.tool import method_named

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


def test_an_onnx_file_wants_its_runtime(tmp_path: Path) -> None:
    with pytest.raises(MatteError, match=r"onnxruntime|found none"):
        method_named(str(tmp_path / "net.onnx"))


def test_keys_json_is_what_the_documentation_says() -> None:
    text = (Path(__file__).parents[2] / "docs" / "mattes.md").read_text(encoding="utf-8")
    block = text.split("```json")[1].split("```")[0]
    assert set(json.loads(block)) == {"format", "frames", "width", "height", "marks"}
