# SPDX-License-Identifier: Apache-2.0
"""Native passes over planes, values and gradients, against the same in plain torch at float64."""

from collections.abc import Callable

import pytest
import torch
from pullfocus.model.colour import to_display
from pullfocus.model.grid import Box
from pullfocus.model.planes import divided, exposed, laid_over, premultiplied
from pullfocus.model.texture import Texture, _energy_torch, _linear_torch
from pullfocus.native import has_native
from pullfocus.solve.terms import absolute_difference

Form = Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]

pytestmark = pytest.mark.skipif(not has_native(), reason="no C++ compiler")


def random(*shape: int, seed: int = 0, least: float = 0.0) -> torch.Tensor:
    return least + (1 - least) * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def agree(
    native: Form, plain: Form, *given: torch.Tensor, rtol: float = 2e-5, atol: float = 2e-6
) -> None:
    """Compare both, and their gradients in all that was given, with random cotangents."""
    found = []
    for form, kind in ((native, torch.float32), (plain, torch.float64)):
        inputs = [one.to(kind, copy=True).requires_grad_() for one in given]
        out = form(*inputs)
        outs = out if isinstance(out, tuple) else (out,)
        weights = [random(*one.shape, seed=7 + k, least=-1).to(kind) for k, one in enumerate(outs)]
        sum((o * w).sum() for o, w in zip(outs, weights, strict=True)).backward()
        found.append([*(o.detach() for o in outs), *(one.grad for one in inputs)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=rtol, atol=atol)


@pytest.mark.parametrize("size", [(1, 1), (3, 37), (64, 331)])
def test_exposure_is_a_gain_and_an_offset(size: tuple[int, int]) -> None:
    agree(exposed, exposed, random(3, *size), random(3, seed=1), random(3, seed=2), atol=2e-3)


@pytest.mark.parametrize("size", [(1, 1), (3, 37), (64, 131)])
def test_premultiplied(size: tuple[int, int]) -> None:
    agree(premultiplied, premultiplied, random(3, *size), random(1, *size, seed=1))


@pytest.mark.parametrize(
    ("box", "frame"),
    [
        (Box(-3, -2, 45, 30), Box(0, 0, 40, 27)),
        (Box(0, 0, 40, 27), Box(0, 0, 40, 27)),
        (Box(-9, -1, 49, 31), Box(7, 3, 19, 5)),
    ],
    ids=["overscan", "same", "piece"],
)
def test_a_complete_layer_is_divided_by_its_weight(box: Box, frame: Box) -> None:
    stack = random(4, box.height, box.width)
    stack[3, 1:4, 2:30] = 0  # below the least weight: no gradient in it
    agree(
        lambda s: divided(s, box, frame),
        lambda s: divided(s, box, frame),
        stack,
        rtol=1e-4,
        atol=1e-3,
    )


FRAME = Box(0, 0, 40, 27)


@pytest.mark.parametrize(
    "box",
    [
        Box(5, 4, 18, 9),
        Box(-7, -3, 20, 11),
        Box(30, 20, 19, 40),
        Box(-4, -4, 60, 50),
        Box(39, 26, 3, 3),
    ],
    ids=["inside", "corner", "far corner", "around", "a pixel"],
)
def test_a_stack_is_laid_over_wherever_it_lies(box: Box) -> None:
    def over(stack: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        return laid_over(stack, box, back, FRAME)

    agree(over, over, random(4, box.height, box.width), random(3, 27, 40, seed=1))


def test_a_stack_that_misses_the_frame_leaves_it_alone() -> None:
    back = random(3, 27, 40)
    for box in (Box(40, 0, 5, 5), Box(0, -9, 5, 9), Box(3, 3, 0, 0)):
        assert laid_over(random(4, box.height, box.width), box, back, FRAME) is back


def test_a_coverage_for_each_colour_is_taken_for_that_colour() -> None:
    box, back = Box(0, 0, FRAME.width, FRAME.height), random(3, FRAME.height, FRAME.width)
    stack = random(6, FRAME.height, FRAME.width)
    found = laid_over(stack, box, back, Box(0, 0, FRAME.width, FRAME.height))
    alone = [
        laid_over(stack[[c, c, c, 3 + c]], box, back, Box(0, 0, FRAME.width, FRAME.height))[c]
        for c in range(3)
    ]
    assert torch.allclose(found, torch.stack(alone), atol=1e-6)


def test_display_encoding_is_the_srgb_curve() -> None:
    linear = torch.cat(
        [
            torch.linspace(-0.2, 4, 5000),
            torch.logspace(-9, 4, 3000),
            -torch.logspace(-6, 2, 500),
            torch.tensor([0.0, 0.0031308]),
        ]
    )
    linear = linear[(linear.abs() - 0.0031308).abs() > 1e-7]  # either side may win on the knee
    agree(to_display, to_display, linear, rtol=3e-6, atol=1e-7)


def test_absolute_difference() -> None:
    x, y = random(3, 91, 117), random(3, 91, 117, seed=1)
    x[:, 3] = y[:, 3]  # no slope there
    found = []
    for kind in (torch.float32, torch.float64):
        a = x.to(kind, copy=True).requires_grad_()
        value = 5 * absolute_difference(a, y.to(kind))
        value.backward()
        found.append((value.detach(), a.grad))
    torch.testing.assert_close(found[0][0].double(), found[1][0], rtol=1e-6, atol=0)
    torch.testing.assert_close(found[0][1].double(), found[1][1], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 1), (40, 56)])
def test_texels_are_decoded_and_weighed(size: tuple[int, int]) -> None:
    texels = random(*size, 4, least=-1) * 0.3
    texels[..., 3] *= 0.1

    def native(values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        texture = Texture(*size)
        del texture.texels
        texture.texels = values  # what the optimiser holds, as far as autograd knows
        return texture.linear(), *texture.energy()

    def plain(values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        steps, square, matte = _energy_torch(values)
        return _linear_torch(values), steps, square, matte

    if min(size) > 1:
        agree(native, plain, texels, rtol=1e-5, atol=1e-5)
    else:  # torch's mean of nothing is not a number
        assert all(one.isfinite().all() for one in native(texels))
        agree(lambda v: native(v)[0], lambda v: plain(v)[0], texels, rtol=1e-5, atol=1e-5)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    x, back = random(4, 90, 130), random(3, 80, 120, seed=1)
    box, frame = Box(-5, -5, 130, 90), Box(0, 0, 120, 80)
    found = []
    before = torch.get_num_threads()
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            stack = x.clone().requires_grad_()
            gain = random(3, seed=4).requires_grad_()
            shown = exposed(laid_over(stack, box, back, frame), gain, gain)
            value = absolute_difference(to_display(shown), back)
            value.backward()
            found.append((value.item(), stack.grad, gain.grad))
    finally:
        torch.set_num_threads(before)
    for one in found[1:]:
        assert one[0] == found[0][0]
        assert torch.equal(one[1], found[0][1])
        assert torch.equal(one[2], found[0][2])
