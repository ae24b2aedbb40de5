# SPDX-License-Identifier: Apache-2.0
"""Perceptual metrics against their libraries' own values; those not installed are skipped."""

import builtins

import numpy as np
import pytest
from pullfocus.errors import PassesError
from pullfocus.evaluate.perceptual import chosen, clip_metric, flip, frame_metric, missing
from pullfocus.evaluate.report import evaluate
from pullfocus.evaluate.truth import open_truth


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(bool(missing(name)), reason=missing(name))


@pytest.fixture
def pair(rng):
    truth = rng.random((36, 64, 3)).astype(np.float32)
    noisy = truth + 0.1 * rng.standard_normal(truth.shape).astype(np.float32)
    return np.clip(noisy, 0, 1), truth


@needs("flip")
def test_flip_of_black_and_white_is_what_its_authors_print(pair):
    black = np.zeros((32, 32, 3), np.float32)
    assert flip(black, black + 1) == pytest.approx(0.967395, abs=1e-5)
    assert flip(pair[1], pair[1]) == 0


@needs("flip")
def test_flip_is_the_librarys_and_takes_the_truth_as_reference(pair):
    import flip_evaluator

    result, truth = pair
    dark = np.ascontiguousarray(result * 0.4)
    _, expected, _ = flip_evaluator.evaluate(truth, dark, "LDR", applyMagma=False)
    assert frame_metric("flip")(dark.astype(np.float64), truth) == pytest.approx(expected)


@needs("fvvdp")
def test_fovvideovdp_frame_by_frame_is_the_whole_clip_at_once(pair, rng):
    import pyfvvdp

    truth = rng.random((7, 48, 80, 3)).astype(np.float32)
    result = np.clip(truth + 0.1 * rng.standard_normal(truth.shape), 0, 1).astype(np.float32)
    metric = pyfvvdp.fvvdp(display_name="standard_fhd", heatmap=None, quiet=True)
    expected, _ = metric.predict(result, truth, dim_order="FHWC", frames_per_second=24)
    measure = clip_metric("fvvdp")
    found = measure(lambda i: (result[i], truth[i]), len(truth), 24.0)
    assert found == pytest.approx(float(expected), abs=1e-4)
    assert measure(lambda i: (truth[i], truth[i]), len(truth), 24.0) == pytest.approx(10)


@needs("lpips")
def test_lpips_of_a_picture_with_itself_is_zero(pair):
    measure = frame_metric("lpips")
    assert measure(pair[1], pair[1]) == pytest.approx(0, abs=1e-6)
    assert measure(*pair) > 0.01


def absent(monkeypatch, *modules: str) -> None:
    real = builtins.__import__

    def refuse(name, *rest, **others):
        if name in modules:
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *rest, **others)

    for module in modules:
        monkeypatch.setitem(__import__("sys").modules, module, None)
    monkeypatch.setattr(builtins, "__import__", refuse)


def test_what_is_not_installed_is_one_line(monkeypatch):
    absent(monkeypatch, "flip_evaluator", "pyfvvdp", "lpips")
    assert "flip-evaluator is not installed" in missing("flip")
    assert chosen(None) == ((), (f"no FLIP: {missing('flip')}",))
    with pytest.raises(PassesError, match=r"fvvdp.*pyfvvdp is not installed"):
        chosen(["fvvdp"])
    with pytest.raises(PassesError, match="got 'flop'"):
        chosen(["flop"])


def test_passes_are_measured_without_it(bake_fake, monkeypatch):
    absent(monkeypatch, "flip_evaluator")
    report = evaluate(bake_fake(), open_truth_folder())
    assert report.summary("flip") is None
    assert any("flip-evaluator" in note for note in report.notes)


@needs("flip")
def test_passes_are_measured_with_it(bake_fake):
    folder = open_truth_folder()
    report = evaluate(bake_fake(), folder)
    assert report.summary("flip").mean < 0.01 < report.summary("plate_flip").mean
    truth = open_truth(folder).read(2)
    assert report.scores[1]["plate_flip"] == pytest.approx(flip(truth.plate, truth.sharp))
    assert "flip" in report.csv().splitlines()[0]
    none = evaluate(bake_fake(), folder, metrics=[])
    assert none.summary("flip") is None
    assert not any("FLIP" in note for note in none.notes)


@needs("fvvdp")
def test_a_figure_of_the_clip_has_no_frame(bake_fake):
    report = evaluate(bake_fake(), open_truth_folder(), metrics=["fvvdp"])
    assert report.summary("fvvdp").mean > report.summary("plate_fvvdp").mean
    assert report.summary("fvvdp").worst_frame is None
    assert "fvvdp" not in report.csv()
    assert report.facts()["figures"]["fvvdp"]["unit"] == "JOD"
    assert "FovVideoVDP" in report.table()


def open_truth_folder():
    from pathlib import Path

    return Path(__file__).parents[1] / "clips" / "market"


def test_by_default_lpips_is_measured_only_where_its_network_lies(monkeypatch, tmp_path):
    import sys
    import types

    import torch

    monkeypatch.setitem(sys.modules, "lpips", types.ModuleType("lpips"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    assert "lpips" not in chosen(None)[0]
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth").touch()
    assert "lpips" in chosen(None)[0]
