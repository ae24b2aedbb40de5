# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from pullfocus.coc.network import CocNetwork, DeblurNetwork, NetworkSettings, sizes_of

SMALL = NetworkSettings(dims=(8, 16), encoder_blocks=(1, 1), decoder_blocks=(1,), kernel=5)


def test_it_is_small():
    assert sum(p.numel() for p in CocNetwork().parameters()) <= 3e6


@pytest.mark.parametrize(("height", "width"), [(32, 48), (33, 50), (7, 5)])
def test_any_size_and_no_radius_below_zero(height, width):
    torch.manual_seed(0)
    found = CocNetwork(SMALL)(torch.rand(2, 3, height, width))
    assert found.radius_px.shape == found.error_px.shape == (2, height, width)
    assert (found.radius_px >= 0).all()
    assert (found.error_px > 0).all()
    assert DeblurNetwork(SMALL)(torch.rand(1, 3, height, width)).shape == (1, 3, height, width)


def test_both_networks_share_an_encoder():
    deblur, coc = DeblurNetwork(SMALL), CocNetwork(SMALL)
    coc.encoder.load_state_dict(deblur.encoder.state_dict())
    frame = torch.rand(1, 3, 32, 32)
    for ours, theirs in zip(coc.encoder(frame), deblur.encoder(frame), strict=True):
        assert torch.equal(ours, theirs)


def test_what_is_far_away_is_seen():
    """Plain areas are judged by their surroundings: the middle must see beyond 32 px."""
    torch.manual_seed(0)
    network = CocNetwork()
    frame = torch.rand(1, 3, 160, 160, requires_grad=True)
    network(frame).radius_px[0, 80, 80].backward()
    reach = frame.grad[0].abs().sum(0)
    assert float(reach[80, 80 - 40]) > 0


@pytest.mark.parametrize(
    "sizes",
    [
        SMALL,
        NetworkSettings(),
        NetworkSettings(
            fold=2, dims=(8, 12, 16), encoder_blocks=(1, 3, 2), decoder_blocks=(2, 1), kernel=3
        ),
    ],
)
def test_sizes_are_read_off_weights(sizes: NetworkSettings):
    for kind in (CocNetwork, DeblurNetwork):
        assert sizes_of(kind(sizes).state_dict()) == sizes
