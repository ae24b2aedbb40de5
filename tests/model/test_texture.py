# SPDX-License-Identifier: Apache-2.0
"""What an atlas's texels cost."""

import torch
from pullfocus.model.texture import Texture


def test_pepper_in_a_matte_costs_more_than_an_edge_of_as_many_texels():
    edge, pepper = Texture(16, 16), Texture(16, 16)
    with torch.no_grad():
        edge.texels[:, :8, 3] = 0.1
        pepper.texels[..., 3].view(-1)[::2] = 0.1
    assert pepper.energy()[2] > 5 * edge.energy()[2]
    assert Texture(16, 16).energy()[2] == 0


def test_neither_colour_nor_matte_costs_for_the_other():
    texture = Texture(8, 8)
    with torch.no_grad():
        texture.texels[2, 3, 3] = 1.0
    assert texture.energy()[0] == 0
    assert texture.energy()[2] > 0
