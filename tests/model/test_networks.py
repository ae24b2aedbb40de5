# SPDX-License-Identifier: Apache-2.0
"""The paper's networks: sizes, ranges, encodings, and that every kind of part answers alike."""

import math

import pytest
import torch
from pullfocus.model.colour import to_display, to_linear
from pullfocus.model.grid import Box
from pullfocus.model.networks.atlas import NetworkTexture
from pullfocus.model.networks.decoder import AtlasDecoder, DecoderTexture
from pullfocus.model.networks.mapping import MappingNetwork
from pullfocus.model.networks.matte import MatteNetwork
from pullfocus.model.networks.perceptron import Perceptron, encoded, normalised
from pullfocus.model.sampling import sample_atlas
from pullfocus.model.texture import Texture

FRAMES, HEIGHT, WIDTH = 5, 36, 64


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def mapping(layers: int = 6) -> MappingNetwork:
    size = {"frames": FRAMES, "width": WIDTH, "height": HEIGHT}
    return MappingNetwork(**size, atlas=(45, 80), layers=layers, hidden=32)


def weights(module: torch.nn.Module) -> list[tuple[int, ...]]:
    return [tuple(p.shape) for p in module.parameters() if p.dim() == 2]


def test_encoding_has_every_octave_and_not_the_input() -> None:
    x = torch.tensor([[0.25, -0.5]])
    out = encoded(x, 2)[0]
    expected = [
        f(math.pi * 2**j * v) for f in (math.sin, math.cos) for j in (0, 1) for v in (0.25, -0.5)
    ]
    torch.testing.assert_close(out, torch.tensor(expected))
    assert encoded(x, 0) is x


def test_coordinates_are_centred_and_keep_one_scale() -> None:
    corners = torch.tensor([[-0.5, -0.5], [WIDTH - 0.5, HEIGHT - 0.5]])
    out = normalised(4, corners, frames=FRAMES, width=WIDTH, height=HEIGHT)
    side = HEIGHT / WIDTH
    torch.testing.assert_close(out, torch.tensor([[-1.0, -side, 1.0], [1.0, side, 1.0]]))
    many = normalised(torch.tensor([0, 2]), corners, frames=FRAMES, width=WIDTH, height=HEIGHT)
    assert many[:, 2].tolist() == [-1, 0]
    assert normalised(0, corners, frames=1, width=WIDTH, height=HEIGHT)[0, 2] == 0


def test_perceptrons_have_the_sizes_of_the_paper() -> None:
    assert weights(Perceptron(3, 2, layers=6, width=256)) == [
        (256, 3), *[(256, 256)] * 4, (2, 256)
    ]  # fmt: skip
    alpha = Perceptron(3, 1, layers=8, width=256, octaves=5)
    assert weights(alpha)[0] == (256, 30)
    assert len(weights(alpha)) == 8
    atlas = Perceptron(2, 3, layers=8, width=256, octaves=10, skips=(5, 8))
    assert [w[1] for w in weights(atlas)] == [40, 256, 256, 256, 296, 256, 256, 296]


def test_recomputed_layers_have_the_same_values_and_gradients(monkeypatch) -> None:
    monkeypatch.setattr("pullfocus.model.networks.perceptron._PIECE", 5)
    kept = Perceptron(2, 3, layers=4, width=16, octaves=2, skips=(3,))
    again = Perceptron(2, 3, layers=4, width=16, octaves=2, skips=(3,), recompute=True)
    again.load_state_dict(kept.state_dict())
    x, cotangent = torch.rand(12, 2), torch.rand(12, 3)
    results = []
    for net in (kept, again):
        here = x.clone().requires_grad_()
        out = net(here)
        results.append(
            [out, *torch.autograd.grad((out * cotangent).sum(), [here, *net.parameters()])]
        )
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)


def test_mapping_stays_in_the_atlas_and_any_place_agrees_with_a_box() -> None:
    net = mapping()
    box = Box(-3, -2, 20, 11, 1)
    texel = net(2, box)
    assert texel.shape == (2, 11, 20)
    assert float(net.uv(2, box.points() * 100).detach().abs().max()) <= 1
    torch.testing.assert_close(texel.flatten(1).T, net.texels_at(2, box.points()))
    # texel centres at whole numbers: uv = 0 is the middle of 80 x 45
    assert net.centre.tolist() == [39.5, 22.0]
    torch.testing.assert_close(
        net.uv_of_texel(torch.tensor([[79.5, 22.0]])), torch.tensor([[1.0, 0.0]])
    )


def test_frames_may_differ_from_place_to_place() -> None:
    net = mapping()
    places = torch.rand(7, 2) * 30
    t = torch.tensor([0, 4, 2, 2, 1, 0, 3])
    together = net.texels_at(t, places)
    for i in range(7):
        torch.testing.assert_close(together[i : i + 1], net.texels_at(int(t[i]), places[i : i + 1]))


def test_jacobian_is_the_limit_of_differences() -> None:
    net = mapping().double()
    box = Box(4, 3, 6, 5)
    found = net.jacobian(1, Box(4, 3, 6, 5))
    points = box.points().double()
    for axis in (0, 1):
        step = torch.zeros_like(points)
        step[:, axis] = 1e-4
        slope = (net.texels_at(1, points + step) - net.texels_at(1, points - step)) / 2e-4
        torch.testing.assert_close(
            found[:, axis].flatten(1).T.double(), slope, atol=1e-4, rtol=1e-3
        )


def test_matte_never_reaches_its_ends() -> None:
    net = MatteNetwork(frames=FRAMES, width=WIDTH, height=HEIGHT, layers=8, hidden=32, octaves=5)
    with torch.no_grad():
        last = net.network.linear[-1]
        last.bias.fill_(100)
        box = net.bounds(0, 0)
        assert float(net(0, box, torch.zeros(HEIGHT, WIDTH)).min()) == pytest.approx(0.991)
        last.bias.fill_(-100)
        assert float(net(0, box, torch.zeros(HEIGHT, WIDTH)).max()) == pytest.approx(0.001)


def test_srgb_curve_there_and_back() -> None:
    x = torch.linspace(0, 1, 101)
    torch.testing.assert_close(to_display(to_linear(x)), x, atol=1e-6, rtol=0)
    assert float(to_linear(torch.tensor(0.5))) == pytest.approx(0.21404114)


def decoder_texture(height: int = 48, width: int = 64) -> DecoderTexture:
    decoder = AtlasDecoder(8, 16, mixed_precision=False)
    return DecoderTexture(decoder, height, width, torch.rand(8, height // 8, width // 8))


@pytest.mark.parametrize("kind", ["texels", "decoder", "network"])
def test_every_kind_of_atlas_answers_alike(kind: str) -> None:
    made = {
        "texels": lambda: Texture(48, 64),
        "decoder": decoder_texture,
        "network": lambda: NetworkTexture(48, 64, layers=8, hidden=32, octaves=3),
    }
    texture = made[kind]()
    if kind == "texels":
        texture.set_linear(torch.rand(48, 64, 3))
    for level, size in ((0, (48, 64)), (1, (24, 32)), (0, (48, 64))):
        texture = texture.held_at(level)
        assert texture.size == size
        atlas = texture.linear()
        assert atlas.shape == (*size, 4)
        # whole texels: a look up is the atlas itself
        y, x = torch.meshgrid(torch.arange(3, 7), torch.arange(9, 15), indexing="ij")
        texel = torch.stack([x, y]).float()
        expected = atlas[3:7, 9:15].permute(2, 0, 1)
        torch.testing.assert_close(texture.at(texel), expected, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(sample_atlas(atlas, texel), expected, atol=1e-5, rtol=1e-4)
        assert float(atlas.detach()[..., :3].min()) >= 0
        assert float(atlas.detach()[..., :3].max()) <= 1.2  # texels may overshoot when resampled


def test_one_decoder_draws_every_layer_from_its_own_noise() -> None:
    first = decoder_texture()
    second = DecoderTexture(first._decoder[0], 40, 88, torch.rand(8, 5, 11))
    assert second.display().shape == (3, 40, 88)
    assert list(first.parameters()) != []
    assert all("decoder" not in name for name in first.state_dict())
    assert not torch.equal(first.display()[:, :40, :64], second.display()[:, :, :64])


def test_decoder_reaches_detail_that_its_noise_does_not_have() -> None:
    """A checkerboard of single texels, from an eighth of the resolution."""
    texture = decoder_texture(32, 32)
    wanted = (torch.arange(32)[:, None] + torch.arange(32)).remainder(2).float()
    optimiser = torch.optim.Adam(texture._decoder[0].parameters(), lr=1e-2)
    for _ in range(60):
        error = (texture.display() - wanted).abs().mean()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()
    assert error.item() < 0.05
