# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest
import torch
from pullfocus.errors import SolveError
from pullfocus.model.shot_model import build_model
from pullfocus.solve.fine import FineSolver
from pullfocus.solve.initial import fuse, sharp_by_radius
from pullfocus.solve.settings import SolveSettings

from tests.solve import drawn

SETTINGS = SolveSettings(fine_looks=2)
BOX = slice(16, 48), slice(30, 66)
RADII = [[3.0, 0.0, 3.0, 2.0, 1.0, 3.0], [2.0, 3.0, 1.0, 3.0, 0.0, 2.0]]


def solver(*, strip_pixels=10**9, settings=SETTINGS, boxes=(BOX,), flat=False):
    observed = drawn.shot(list(boxes), RADII[-1 - len(boxes) :])
    if flat:
        observed.plate[:] = 0.5
    model = build_model(observed, settings.model)
    with torch.no_grad():
        for layer, known in zip(model.layers, RADII[-len(model.layers) :], strict=True):
            for t, radius in enumerate(known):
                layer.coc.lattice[t] = torch.tensor(radius + 0.5).expm1().log()
    for index, layer in enumerate(model.layers):
        layer.texture.set_linear(fuse(model, index, sharp_by_radius(model)))
    return FineSolver(model, settings, strip_pixels=strip_pixels)


def parameters(one):
    return {name: p.detach().clone() for name, p in one.model.named_parameters()}


@pytest.mark.parametrize("flat", [False, True], ids=["textured", "flat"])
def test_strips_of_any_height_give_the_same_step(flat):
    whole, cut, fine = (solver(strip_pixels=n, flat=flat) for n in (10**9, 96 * 21, 96 * 8))
    reports = [one.step() for one in (whole, cut, fine)]
    for report in reports[1:]:
        assert report.psnr_reblur == pytest.approx(reports[0].psnr_reblur, abs=1e-3)
        assert report.terms["l1"] == pytest.approx(reports[0].terms["l1"], rel=1e-4)
    wanted = {name: p.grad for name, p in whole.model.named_parameters() if p.grad is not None}
    assert len(wanted) == len(whole.model.layers)
    for one in (cut, fine):
        for name, parameter in one.model.named_parameters():
            if name in wanted:
                scale = float(wanted[name].abs().max())
                torch.testing.assert_close(
                    parameter.grad, wanted[name], rtol=0, atol=2e-5 * scale + 1e-9, msg=name
                )


def test_looks_bring_the_model_closer_to_the_plate():
    one = solver()
    reports = [one.step() for _ in range(one.total_steps)]
    assert one.finished
    first, last = (
        sum(r.psnr_reblur for r in part) / drawn.COUNT
        for part in (reports[: drawn.COUNT], reports[-drawn.COUNT :])
    )
    assert last > first + 0.5


def test_motion_radii_and_mattes_stay_as_the_proxy_left_them():
    one = solver()
    before = parameters(one)
    while not one.finished:
        one.step()
    moved = {name for name, p in parameters(one).items() if not torch.equal(p, before[name])}
    assert moved == {name for name in before if name.endswith("texture.texels")}


def test_every_frame_is_looked_at_as_often():
    one, seen = solver(), []
    for _ in range(one.total_steps):
        if not one.queue:
            seen.append(set())
        one.step()
        seen[-1] |= {t for t in range(drawn.COUNT)} - set(one.queue)
    assert seen == [set(range(drawn.COUNT))] * 2


def test_it_goes_on_from_where_it_stood_to_the_bit():
    straight = solver()
    for _ in range(5):
        straight.step()
    before = {name: tensor.clone() for name, tensor in straight.state().items()}
    resumed = solver()
    held = {k[len("model.") :]: v for k, v in before.items() if k.startswith("model.")}
    resumed.model.load_state_dict(held)
    resumed.load_state(before)
    for _ in range(3):
        assert straight.step() == resumed.step()
    for name, parameter in parameters(straight).items():
        assert torch.equal(parameter, parameters(resumed)[name]), name


def test_one_layer_and_given_radii_take_the_same_steps():
    one = solver(boxes=())
    assert one.step().psnr_reblur > 10
    observed = drawn.shot([BOX], RADII, coc=True)
    given = FineSolver(build_model(observed, SETTINGS.model), SETTINGS)
    for index, layer in enumerate(given.model.layers):
        layer.texture.set_linear(fuse(given.model, index, sharp_by_radius(given.model)))
    held = parameters(given)
    given.step()
    now = parameters(given)
    assert torch.equal(now["stack.0.coc.lattice"], held["stack.0.coc.lattice"])
    assert not torch.equal(now["stack.0.texture.texels"], held["stack.0.texture.texels"])


def test_a_plate_that_is_no_number_is_said():
    one = solver(settings=replace(SETTINGS, fine_looks=1))
    one.model.observed.plate[:] = float("nan")
    with pytest.raises(SolveError, match="diverged at step 0 of the plate"):
        one.step()


def test_bars_and_words_have_no_say():
    grads = []
    for value in (0.2, 0.9):
        one = solver(strip_pixels=96 * 21)
        covered = torch.zeros(drawn.HEIGHT, drawn.WIDTH, dtype=torch.bool).numpy()
        covered[:7] = covered[40:44, 50:80] = True
        object.__setattr__(one.model.observed, "covered", covered)
        one.model.observed.plate[:, covered] = value
        one.step()
        grads.append(one.model.layers[1].texture.texels.grad.clone())
    assert torch.equal(*grads)
