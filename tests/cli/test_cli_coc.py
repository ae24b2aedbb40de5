# SPDX-License-Identifier: Apache-2.0
"""The verbs of the COC network through the command line."""

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pullfocus import cli
from pullfocus.coc.network import CocNetwork
from pullfocus.coc.tiles import TILE_PX, save_bank
from pullfocus.plate.exr import read_exr
from safetensors.torch import save_file


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    path = tmp_path_factory.mktemp("weights") / "coc.safetensors"
    save_file({k: v.half() for k, v in CocNetwork().state_dict().items()}, str(path))
    return path


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiles")
    rng = np.random.default_rng(0)
    for role in ("train", "held"):
        made = [rng.integers(0, 256, (TILE_PX, TILE_PX, 3)).astype(np.uint8) for _ in range(2)]
        save_bank(folder / role, made[:1], made[1:])
    return folder


def last_event(capfd) -> dict:
    return json.loads(capfd.readouterr().out.splitlines()[-1])


def test_without_pyav_training_says_so_at_once(monkeypatch, tmp_path: Path, capfd) -> None:
    find = importlib.util.find_spec
    lacking = lambda name, *rest: None if name == "av" else find(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", lacking)
    where = ["train-coc", "--tiles", str(tmp_path), "--out", str(tmp_path / "a")]
    assert cli.run(where) != 0
    assert "expected PyAV" in capfd.readouterr().err
    assert cli.run([*where, "--no-h264"]) != 0
    assert "expected sharp tiles in" in capfd.readouterr().err


def write_plate(folder: Path) -> str:
    rng = np.random.default_rng(1)
    for number in (1001, 1002):
        frame = rng.integers(0, 256, (40, 64, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"shot.{number}.png"), frame)
    return str(folder / "shot.####.png")


def test_coc_writes_a_frame_for_a_frame(weights: Path, tmp_path: Path, capfd) -> None:
    plate, out = write_plate(tmp_path), tmp_path / "out"
    arguments = ["--out", str(out), "--weights", str(weights), "--progress", "json"]
    assert cli.run(["coc", plate, *arguments]) == 0
    event = last_event(capfd)
    assert event["frames"] == 2
    assert sorted(p.name for p in out.iterdir()) == ["shot_coc.1001.exr", "shot_coc.1002.exr"]
    channels = read_exr(Path(event["first"]))
    assert set(channels) == {"coc.X", "confidence.X"}
    assert channels["coc.X"].shape == (40, 64)
    assert (channels["coc.X"] >= 0).all()


def test_what_coc_writes_a_solve_takes(weights: Path, tmp_path: Path) -> None:
    plate, out = write_plate(tmp_path), tmp_path / "out"
    assert cli.run(["coc", plate, "--out", str(out), "--weights", str(weights)]) == 0
    coc = str(out / "shot_coc.####.exr")
    arguments = ["--out", str(tmp_path / "x.solve"), "--coc", coc, "--steps", "1"]
    assert cli.run(["solve", plate, *arguments, "--ignore-cuts"]) == 0


def test_missing_weights_are_one_line(tmp_path: Path, capfd) -> None:
    plate = write_plate(tmp_path)
    arguments = ["--out", str(tmp_path / "out"), "--weights", str(tmp_path / "no.safetensors")]
    assert cli.run(["coc", plate, *arguments]) == 2
    assert "expected the weights of the COC network" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()


def test_train_then_evaluate(tiles: Path, tmp_path: Path, capfd) -> None:
    runs = tmp_path / "runs"
    quick = ["--tiles", str(tiles), "--steps", "1", "--batch", "1", "--pictures", "1", "--float32"]
    pools = ["--pool", str(tmp_path / "pools"), "--progress", "json"]
    # whole shards of 200 cost seconds: stand-ins of the same form
    from pullfocus.coc.dataset import Sample
    from pullfocus.coc.pool import write_shard

    plain = np.full((192, 192, 3), 0.5, np.float32)
    sample = Sample(blurred=plain, sharp=plain, coc=np.zeros((192, 192), np.float32))
    for name in ("composed", "held"):
        (tmp_path / "pools" / name).mkdir(parents=True)
        write_shard(tmp_path / "pools" / name, 0, [sample] * 2)
    deblur = ["--stage", "deblur", "--out", str(runs / "deblur")]
    assert cli.run(["train-coc", *quick, *pools, *deblur]) == 0
    frozen = ["--stage", "frozen", "--encoder", str(runs / "deblur"), "--out", str(runs / "coc")]
    assert cli.run(["train-coc", *quick, *pools, *frozen]) == 0
    made = Path(last_event(capfd)["weights"])
    assert made.name == "coc.safetensors"
    for name in ("loss.png", "predictions.png", "log.jsonl", "train.json"):
        assert (made.parent / name).exists(), name
    measured = ["--weights", str(made), "--against", f"again={made}", "--count", "1"]
    out = tmp_path / "report"
    held = ["--tiles", str(tiles / "held"), "--out", str(out), "--progress", "json"]
    assert cli.run(["evaluate-coc", *measured, *held]) == 0
    errors = last_event(capfd)["rmse_px"]["composed"]
    assert set(errors) == {"constant", "gradient ratio", "network", "again"}
    assert errors["network"] == errors["again"]
    assert json.loads((out / "coc.json").read_text())["rmse_px"]["composed"] == errors
    assert (out / "coc_composed.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate-coc", "--out", "{tmp}"], "expected something to measure on"),
        (["evaluate-coc", "--out", "{tmp}", "--against", "x"], "expected --against NAME=FILE"),
        (["train-coc", "--tiles", "{tmp}", "--out", "{tmp}/a"], "expected sharp tiles in"),
        (
            ["train-coc", "--tiles", "t", "--out", "o", "--device", "tpu"],
            "not one of 'cpu', 'cuda'",
        ),
        (["train-coc", "--tiles", "t", "--out", "o", "--rate", "-1"], "'--rate'"),
        (
            ["train-coc", "--tiles", "t", "--out", "o", "--steps", "2", "--minutes", "1"],
            "expected --steps or --minutes, got both",
        ),
        (["train-coc", "--tiles", "t", "--out", "o", "--stage", "tuned"], "folder of a deblur"),
        (["evaluate-coc", "--out", "{tmp}", "--against", "network=x"], "network is taken"),
        (["evaluate-coc", "--out", "o", "--clip", "a/x", "--clip", "b/x"], "got x twice"),
    ],
    ids=[
        "nothing",
        "against",
        "no tiles",
        "device",
        "rate",
        "both",
        "encoder",
        "name",
        "clips",
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], said: str, weights: Path, tmp_path: Path, capfd
) -> None:
    given = [text.replace("{tmp}", str(tmp_path)) for text in arguments]
    if given[0] == "evaluate-coc":
        given += ["--weights", str(weights)]
    assert cli.run(given) == 2
    assert said in capfd.readouterr().err


def test_auto_solves_from_what_is_read(tmp_path: Path) -> None:
    plate, out = write_plate(tmp_path), tmp_path / "x.solve"
    assert (
        cli.run(
            ["solve", plate, "--out", str(out), "--coc", "auto", "--steps", "1", "--ignore-cuts"]
        )
        == 0
    )
    record = json.loads((out / "settings.json").read_text())
    assert record["settings"]["coc_network"] is True
    assert record["inputs"]["coc"] is None
    terms = json.loads((out / "log.jsonl").read_text().splitlines()[-1])
    assert terms["coc network bg"] >= 0
