# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pullfocus.coc import estimate
from pullfocus.coc.estimate import estimate_coc, load_network
from pullfocus.coc.network import CocEstimate, CocNetwork
from pullfocus.errors import PullfocusError
from safetensors.torch import save_file


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "coc.safetensors"
    save_file({k: v.half() for k, v in CocNetwork().state_dict().items()}, str(path))
    return path


def test_frames_of_any_size_give_radius_and_confidence(weights: Path):
    network = load_network(weights)
    for size in ((40, 61), (72, 700)):
        found = estimate_coc(network, np.random.default_rng(0).random((*size, 3), np.float32))
        assert found.radius_px.shape == found.confidence.shape == size
        assert found.radius_px.dtype == np.float32
        assert (found.radius_px >= 0).all()
        assert ((found.confidence > 0) & (found.confidence <= 1)).all()


def test_radii_of_large_frames_are_in_their_own_px(weights: Path, monkeypatch: pytest.MonkeyPatch):
    """A frame that is shrunk to half for the network has radii twice as large."""
    network = load_network(weights)
    monkeypatch.setattr(estimate, "_SECOND", 1.0)
    small = np.random.default_rng(0).random((64, 96, 3)).astype(np.float32)
    large = small.repeat(2, 0).repeat(2, 1)  # shrinks back to exactly the small one
    wanted = estimate_coc(network, small)
    monkeypatch.setattr(estimate, "_WORKING_PX", 96)
    found = estimate_coc(network, large)
    assert found.radius_px.mean() == pytest.approx(2 * wanted.radius_px.mean(), rel=0.02)
    assert found.confidence.mean() == pytest.approx(wanted.confidence.mean(), rel=0.02)


def test_what_is_said_is_the_mean_of_two_looks(weights: Path, monkeypatch: pytest.MonkeyPatch):
    """The second look, done by hand: a picture twice as large, whose radii are twice as large."""
    network = load_network(weights)
    frame = cv2.GaussianBlur(np.random.default_rng(0).random((64, 96, 3)), (0, 0), 2)
    frame = frame.astype(np.float32)
    both = estimate_coc(network, frame)
    monkeypatch.setattr(estimate, "_SECOND", 1.0)
    once = estimate_coc(network, frame)
    enlarged = cv2.resize(frame, (192, 128), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    twice = estimate_coc(network, enlarged)
    half = cv2.resize(twice.radius_px, (96, 64)) / 2
    np.testing.assert_allclose(both.radius_px, (once.radius_px + half) / 2, atol=1e-4)
    error = (1 / twice.confidence - 1) / 2
    sure = (once.confidence + cv2.resize(1 / (1 + error), (96, 64))) / 2
    np.testing.assert_allclose(both.confidence, sure, atol=1e-4)


@pytest.mark.parametrize(("radius", "wanted"), [(6.0, 5.0), (10.0, 9.5), (14.0, 14.0)])
def test_a_second_look_at_radii_beyond_its_training_counts_for_nothing(
    radius: float, wanted: float
):
    """A network that reads 2 px less in the enlarged picture, in px of the frame."""

    def network(frame: torch.Tensor) -> CocEstimate:
        enlarged = frame.shape[-1] // 40
        read = torch.full(frame.shape[-3:], enlarged * radius - 4.0 * (enlarged - 1))[:1]
        return CocEstimate(radius_px=read, error_px=torch.ones_like(read))

    found = estimate_coc(network, np.zeros((24, 40, 3), np.float32))  # type: ignore[arg-type]
    np.testing.assert_allclose(found.radius_px, wanted, rtol=1e-5)


def test_missing_and_foreign_weights_are_one_clear_line(tmp_path: Path):
    with pytest.raises(PullfocusError, match=r"expected the weights .* no file$"):
        load_network(tmp_path / "none.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"a": torch.zeros(2)}, str(foreign))
    with pytest.raises(PullfocusError, match="expected weights of this version"):
        load_network(foreign)
    foreign.write_bytes(b"nothing")
    with pytest.raises(PullfocusError, match="expected weights of this version"):
        load_network(foreign)


def test_a_grey_picture_is_refused(weights: Path):
    with pytest.raises(PullfocusError, match=r"expected a frame \(H, W, 3\)"):
        estimate_coc(load_network(weights), np.zeros((8, 8), np.float32))
