# SPDX-License-Identifier: Apache-2.0
"""What the COC network reads becomes start and prior; the network itself is a stand-in here."""

import numpy as np
import pytest
import torch
from pullfocus.model.coc import CocLattice
from pullfocus.model.grid import Box
from pullfocus.model.shot_model import ModelSettings, build_model
from pullfocus.observe.observed import Observed
from pullfocus.solve import solver as solver_module
from pullfocus.solve.prior import fit_lattice, read_priors
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.solver import Solver

HEIGHT, WIDTH, COUNT = 48, 80, 3
CARD = slice(12, 36), slice(24, 56)


def lattice() -> CocLattice:
    return CocLattice(
        frames=COUNT, width=WIDTH, height=HEIGHT, cells=(6, 10), overscan_px=4.0, start_px=1.5
    )


def observed() -> Observed:
    mattes = np.zeros((1, COUNT, HEIGHT, WIDTH), np.uint8)
    mattes[0, :, *CARD] = 255
    rng = np.random.default_rng(0)
    return Observed(
        frames=tuple(range(COUNT)),
        layer_names=("card", "bg"),
        width=WIDTH,
        height=HEIGHT,
        colorspace="lin_rec709_srgb",
        plate=rng.random((COUNT, HEIGHT, WIDTH, 3)).astype(np.float16),
        mattes=mattes,
        coc=None,
        motion=np.tile(np.eye(3), (2, COUNT, 1, 1)),
        residual=np.zeros((2, COUNT, 8, 12, 2), np.float32),
    )


def read(display: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A stand-in for the network: a card at 5 px before a wall at 2 px, sure of both."""
    radius = np.full(display.shape[:2], 2.0, np.float32)
    radius[CARD] = 5.0
    return radius, np.full(display.shape[:2], 0.9, np.float32)


def test_a_lattice_takes_on_what_is_known_and_is_smooth_elsewhere() -> None:
    coc = lattice()
    x = np.broadcast_to(np.linspace(1, 6, WIDTH, dtype=np.float32), (HEIGHT, WIDTH))
    known = np.zeros((HEIGHT, WIDTH), np.float32)
    known[:, :50] = 1
    raw, trust = fit_lattice(coc, x, known, 2, 3.0)
    with torch.no_grad():
        coc.lattice[1] = raw
        found = coc(1, Box(0, 0, WIDTH, HEIGHT, 0)).numpy()
    np.testing.assert_allclose(found[4:-4, 4:44], x[4:-4, 4:44], atol=0.25)
    assert found.max() < 12
    assert trust[4, 3] > 0.9
    assert trust[4, -2] < 0.05


def test_where_nothing_is_known_the_start_stays() -> None:
    nothing = np.zeros((HEIGHT, WIDTH), np.float32)
    raw, trust = fit_lattice(lattice(), nothing, nothing, 2, 1.5)
    torch.testing.assert_close(torch.nn.functional.softplus(raw), torch.full_like(raw, 1.5))
    assert float(trust.max()) == 0


def test_layers_read_what_is_theirs() -> None:
    model = build_model(observed(), ModelSettings())
    card, wall = read_priors(model, read)
    box = model.frame_box()
    with torch.no_grad():
        assert float(model.radius(0, 1, box)[24, 40]) == pytest.approx(5, abs=0.2)
        assert float(model.radius(1, 1, box)[24, 4]) == pytest.approx(2, abs=0.2)
        assert float(model.radius(1, 1, box)[24, 40]) == pytest.approx(2, abs=0.4)  # behind it
    with torch.no_grad():
        assert float(card.penalty(model.layers[0].coc)) == 0
        model.layers[1].coc.lattice += 1
        assert float(wall.penalty(model.layers[1].coc)) > 0.1


def test_a_solve_starts_there_and_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver_module, "network_estimate", lambda: read)
    held = Solver(observed(), SolveSettings(steps=2, coc_network=True))
    blind = Solver(observed(), SolveSettings(steps=2))
    box = held.model.frame_box()
    with torch.no_grad():
        assert float(held.model.radius(0, 0, box)[24, 40]) == pytest.approx(5, abs=0.2)
        assert float(blind.model.radius(0, 0, box)[24, 40]) < 2
    assert {"coc network card", "coc network bg"} <= set(held.step().terms)
    assert not {"coc network card", "coc network bg"} & set(blind.step().terms)
