# SPDX-License-Identifier: Apache-2.0
"""RAFT is optional: what is said without it, and what is handed to it when it is there."""

import sys
import types

import numpy as np
import pytest
import torch
from pullfocus.errors import SolveError
from pullfocus.observe import raft
from pullfocus.observe.raft import flow_method


class FakeRaft(torch.nn.Module):
    """Says that everything moves by (3, -2) of the px it is given, and what it was given."""

    seen: list = []  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.shift = torch.nn.Parameter(torch.zeros(2))

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> list[torch.Tensor]:
        self.seen.append((source, target))
        flow = self.shift[None, :, None, None].expand(1, 2, *source.shape[-2:])
        return [flow * 0, flow]


@pytest.fixture
def torchvision(monkeypatch, tmp_path):
    """A torchvision with only this network in it, its weights in an own hub folder."""

    def raft_large(*, weights: None) -> FakeRaft:
        return FakeRaft()

    for name in ("torchvision", "torchvision.models", "torchvision.models.optical_flow"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    optical_flow = sys.modules["torchvision.models.optical_flow"]
    optical_flow.raft_large = raft_large  # type: ignore[attr-defined]
    sys.modules["torchvision"].models = sys.modules["torchvision.models"]  # type: ignore[attr-defined]
    sys.modules["torchvision.models"].optical_flow = optical_flow  # type: ignore[attr-defined]
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    FakeRaft.seen.clear()
    return tmp_path / "checkpoints" / raft._WEIGHTS


def put_weights(path) -> None:
    path.parent.mkdir()
    torch.save({"shift": torch.tensor([3.0, -2.0])}, path)


def test_dis_needs_nothing() -> None:
    assert flow_method("dis") == (None, "")


def test_without_torchvision_dis_serves_and_one_line_says_so(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setitem(sys.modules, "torchvision.models.optical_flow", None)
    method, note = flow_method("auto")
    assert method is None
    assert note == "flow: DIS, since there is no RAFT (torchvision is not installed)"
    with pytest.raises(SolveError, match="expected RAFT for the flow, got none: torchvision"):
        flow_method("raft")


def test_without_weights_nothing_is_downloaded(torchvision) -> None:
    method, note = flow_method("auto")
    assert method is None
    assert str(torchvision) in note
    with pytest.raises(SolveError, match="weights are not at"):
        flow_method("raft")


@pytest.mark.parametrize(("size", "given"), [((130, 201), (136, 208)), ((32, 60), (128, 240))])
def test_frames_are_padded_or_enlarged_and_flow_comes_back_in_their_px(
    torchvision, size, given
) -> None:
    put_weights(torchvision)
    method, note = flow_method("auto")
    assert note == "flow: RAFT"
    frames = np.random.default_rng(0).random((2, *size, 3)).astype(np.float32)
    flow = method(*frames)
    scale = max(1.0, 128 / size[0])
    assert flow.shape == (*size, 2)
    np.testing.assert_allclose(
        flow, np.broadcast_to([3 / scale, -2 / scale], flow.shape), rtol=1e-5
    )
    source, target = FakeRaft.seen[-1]
    assert source.shape == (1, 3, *given)
    assert float(source.min()) >= -1
    assert float(source.max()) <= 1
    if scale == 1:
        inside = source[0, :, : size[0], : size[1]].permute(1, 2, 0).numpy()
        np.testing.assert_allclose(inside, frames[0] * 2 - 1, atol=1e-6)
    assert not torch.equal(source, target)
