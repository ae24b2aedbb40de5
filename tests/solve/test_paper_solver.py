# SPDX-License-Identifier: Apache-2.0
"""The paper's networks and terms on the solver's loop, at toy size."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
import torch
from pullfocus.cli.options import Preset, Texture, WeightSet
from pullfocus.errors import SolveError
from pullfocus.model.settings import NetworkSettings
from pullfocus.observe.observed import Observed
from pullfocus.solve.folder import check_same_solve
from pullfocus.solve.paper.motion_field import MotionField, measure_motion
from pullfocus.solve.paper.point_terms import PointTerms
from pullfocus.solve.paper.start import fit_mappings
from pullfocus.solve.presets import PRESETS, WEIGHTS, check_coc, preset_settings
from pullfocus.solve.settings import SolveSettings, settings_from_record
from pullfocus.solve.solver import Solver
from solve.drawn import COUNT, HEIGHT, WIDTH, shot

TINY = NetworkSettings(
    width=24, matte_octaves=2, atlas_octaves=3, noise_channels=4, decoder_channels=16
)
BOX = [(slice(16, 48), slice(20, 60))]
RADII = [[0.0, 1, 2, 2, 1, 0], [2.0, 1, 0, 0, 1, 2]]


def tiny(name: str, *, weights: str = "hashing", **changes) -> SolveSettings:
    settings = preset_settings(name, weights=weights)
    model = dataclasses.replace(settings.model, networks=TINY)
    small = {"steps": 8, "start_passes": 2, "model": model}
    return dataclasses.replace(settings, **(small | changes))


def run(observed: Observed, settings: SolveSettings, steps: int) -> tuple[Solver, list]:
    solver = Solver(observed, settings)
    return solver, [solver.step() for _ in range(steps)]


@pytest.fixture(scope="module")
def observed() -> Observed:
    return shot(BOX, RADII)


@pytest.fixture(scope="module")
def told() -> Observed:
    return shot(BOX, RADII, coc=True)


def test_command_line_offers_what_there_is() -> None:
    assert [p.value for p in Preset] == list(PRESETS)
    assert {w.value for w in WeightSet} == set(WEIGHTS)
    assert {t.value for t in Texture} == {"texels", "decoder", "network"}


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_settings_survive_their_record(name: str, weights: str) -> None:
    settings = preset_settings(name, weights=weights)
    assert settings.preset == name
    record = json.loads(json.dumps(dataclasses.asdict(settings)))
    assert settings_from_record(record) == settings


def test_records_of_earlier_versions_are_fast_solves() -> None:
    record = dataclasses.asdict(SolveSettings(seed=5))
    for new in ("points", "preset", "start", "network_rate"):
        del record[new]
    del record["model"]["networks"], record["model"]["mapping"]
    assert settings_from_record(record) == SolveSettings(seed=5)


def test_a_solve_of_an_earlier_version_goes_on(tmp_path) -> None:
    def record(**settings) -> dict:
        shot_facts = {"width": 4, "height": 3, "frames": [1], "fingerprint": "f"}
        held = json.loads(json.dumps(dataclasses.asdict(SolveSettings(**settings))))
        return {"inputs": None, "shot": shot_facts, "settings": held}

    old = record(seed=3)
    for new in ("points", "preset", "start"):
        del old["settings"][new]
    del old["settings"]["model"]["networks"]
    check_same_solve(tmp_path, old, record(seed=3))
    with pytest.raises(SolveError, match="preset was fast, is paper"):
        check_same_solve(tmp_path, old, record(seed=3, preset="paper"))


def test_presets_are_what_the_paper_compares() -> None:
    kinds = {n: (s.model.texture, s.model.reblur, s.coc) for n, s in PRESETS.items()}
    assert kinds == {
        "fast": ("texels", "layered", "any"),
        "paper": ("decoder", "flat", "any"),
        "lna": ("network", "none", "none"),
        "lna-reblur": ("network", "flat", "any"),
        "paper-no-coc": ("decoder", "flat", "none"),
        "paper-coc-given": ("decoder", "flat", "given"),
    }
    paper = preset_settings("paper", weights="paper")
    assert (paper.steps, paper.network_rate) == (50_000, 1e-4)
    assert (paper.points.flow, paper.points.sparsity, paper.points.rigidity) == (1.5, 100, 0.5)
    assert (paper.points.matte_flow, paper.points.matte_start) == (4.9, 200)
    assert [n for n, s in PRESETS.items() if s.coc_network] == ["paper"]
    both = [preset_settings(n, weights=w) for n, w in (("fast", "lna"), ("paper", "lna"))]
    fast, scaled = (s.coc_prior_weight / (s.l1_weight + s.structure_weight) for s in both)
    assert scaled == pytest.approx(fast)
    assert paper.l1_weight + paper.structure_weight == pytest.approx(0.3)
    assert preset_settings("fast", texture="decoder").model.texture == "decoder"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"name": "papper"}, "got 'papper'"),
        ({"name": "paper", "weights": "x"}, "got 'x'"),
        ({"name": "paper", "quality": "draft"}, "preset fast only"),
    ],
)
def test_bad_presets_are_one_line(arguments: dict, said: str) -> None:
    with pytest.raises(SolveError, match=said):
        preset_settings(**arguments)


def test_a_coc_is_there_where_it_must_be() -> None:
    check_coc(preset_settings("paper"), given=True)
    check_coc(preset_settings("paper"), given=False)
    with pytest.raises(SolveError, match="expected --coc"):
        check_coc(preset_settings("paper-coc-given"), given=False)
    with pytest.raises(SolveError, match="expected no --coc"):
        check_coc(preset_settings("paper-no-coc"), given=True)


@pytest.mark.parametrize("name", ["paper", "lna", "lna-reblur", "paper-coc-given"])
def test_every_preset_steps_and_logs_every_term(
    name: str, observed: Observed, told: Observed
) -> None:
    footage = told if name == "paper-coc-given" else observed
    _, reports = run(footage, tiny(name, steps=20), 4)
    terms = reports[0].terms
    both = {f"{term} {layer}" for term in ("flow", "rigidity", "wide rigidity") for layer in
            ("layer0", "bg")}  # fmt: skip
    subject = {f"{term} layer0" for term in ("sparsity", "matte flow", "matte start")}
    expected = both | subject
    expected |= {"l2", "gradient"} if name == "lna" else {"l1", "structure"}
    if name in ("paper", "lna-reblur"):
        expected |= {f"{t} {n}" for t in ("coc", "coc small", "coc time") for n in ("layer0", "bg")}
    if name == "paper":
        expected |= {"coc network layer0", "coc network bg"}
    assert set(terms) == expected
    assert sum(terms.values()) == pytest.approx(reports[0].loss, rel=1e-5)
    assert all(math.isfinite(v) for report in reports for v in report.terms.values())


def test_early_terms_end(observed: Observed) -> None:
    _, reports = run(observed, tiny("paper", steps=10), 4)
    have = [{name.rsplit(" ", 1)[0] for name in report.terms} for report in reports]
    assert ["wide rigidity" in names for names in have] == [True, False, False, False]
    assert ["matte start" in names for names in have] == [True, True, False, False]


def test_the_loss_falls(observed: Observed) -> None:
    settings = tiny("paper", steps=1000, network_rate=3e-3)
    _, reports = run(observed, settings, 40)
    first, last = (np.mean([r.loss for r in part]) for part in (reports[:COUNT], reports[-COUNT:]))
    assert last < 0.75 * first


def test_same_seed_same_numbers_and_another_seed_others(observed: Observed) -> None:
    same = [run(observed, tiny("paper"), 3)[1][-1].loss for _ in range(2)]
    other = run(observed, tiny("paper", seed=1), 3)[1][-1].loss
    assert same[0] == same[1] != other


def test_a_resumed_solve_is_the_straight_one_to_the_bit(observed: Observed) -> None:
    straight, _ = run(observed, tiny("paper"), 5)
    first, _ = run(observed, tiny("paper"), 2)
    state = {k: v.clone() for k, v in first.state().items()}
    resumed = Solver(observed, tiny("paper"))
    resumed.load_state(state)
    for _ in range(3):
        resumed.step()
    for name, value in straight.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def moving(shift_px: float) -> Observed:
    """The shot with a measured pan."""
    still = shot(BOX, RADII)
    motion = np.tile(np.eye(3), (2, COUNT, 1, 1))
    motion[:, :, 0, 2] = shift_px * np.arange(COUNT)
    return dataclasses.replace(still, motion=motion)


@pytest.mark.parametrize("to_motion", [False, True])
def test_mappings_start_where_they_are_told(to_motion: bool) -> None:
    settings = tiny("paper")
    model = dataclasses.replace(settings.model, networks=NetworkSettings(width=48))
    solver = Solver(moving(2.0), dataclasses.replace(settings, model=model))
    errors = fit_mappings(solver.model, np.random.default_rng(0), to_motion=to_motion, passes=40)
    assert max(errors) < 3.0
    mapping = solver.model.layers[1].mapping
    low, high = torch.tensor([16.0, 12.0]), torch.tensor([WIDTH - 17.0, HEIGHT - 13.0])
    with torch.no_grad():
        by_frame = [mapping.texels_at(t, torch.stack([low, high])) for t in (0, COUNT - 1)]
    size = by_frame[0][1] - by_frame[0][0]
    torch.testing.assert_close(size, high - low, atol=4.0, rtol=0)
    moved = float((by_frame[1] - by_frame[0])[:, 0].mean())
    assert moved == pytest.approx(2.0 * (COUNT - 1) if to_motion else 0.0, abs=2.0)


def test_motion_field_follows_a_shift() -> None:
    rows, columns = np.mgrid[:48, :64]
    plate = np.zeros((3, 48, 64, 3), np.float16)
    for t in range(3):
        plate[t] = (0.5 + 0.2 * np.sin((columns - 2 * t) / 3) + 0.2 * np.cos(rows / 4))[..., None]
    field = measure_motion(
        dataclasses.replace(moving(0.0), plate=plate, frames=(0, 1, 2), width=64, height=48)
    )
    t, pixels = np.array([0, 1, 2]), np.array([[30, 20], [25, 25], [40, 20]])
    there, valid = field.at(t, pixels, 1)
    torch.testing.assert_close(there[:2], torch.tensor([[2.0, 0.0]] * 2), atol=0.3, rtol=0)
    assert valid.tolist() == [True, True, False]  # nothing follows the last frame
    back, valid = field.at(t, pixels, -1)
    torch.testing.assert_close(back[1:], torch.tensor([[-2.0, 0.0]] * 2), atol=0.3, rtol=0)
    assert valid.tolist() == [False, True, True]


def test_without_any_trusted_flow_terms_are_zero_and_finite(observed: Observed) -> None:
    shape = COUNT, HEIGHT, WIDTH
    nowhere = np.zeros(shape, bool)
    field = MotionField(*[np.full((*shape, 2), 1e4, np.float16)] * 2, nowhere, nowhere)
    solver = Solver(observed, tiny("paper"))
    terms = PointTerms(solver.model, field, solver.settings.points)(
        np.random.default_rng(0), 0.0, solver.model.step_atlases()
    )
    torch.stack(list(terms.values())).sum().backward()
    assert all(float(v.detach()) == 0 for name, v in terms.items() if "flow" in name)
    grads = [p.grad for p in solver.model.parameters() if p.grad is not None]
    assert grads
    assert all(bool(g.isfinite().all()) for g in grads)


def test_flow_and_rigidity_of_a_perfect_mapping_are_at_their_least(observed: Observed) -> None:
    """The lattice starts as the exact motion: nothing to complain about."""
    settings = dataclasses.replace(
        preset_settings("paper").points, flow=1.0, rigidity=1.0, matte_start=0.0
    )
    solver = Solver(moving(0.0), SolveSettings(points=settings))
    terms = PointTerms(solver.model, _still_field(), settings)(
        np.random.default_rng(0), 0.5, solver.model.step_atlases()
    )
    for layer in ("layer0", "bg"):
        assert float(terms[f"flow {layer}"].detach()) == pytest.approx(0, abs=1e-3)
        assert float(terms[f"rigidity {layer}"].detach()) == pytest.approx(
            2 * math.sqrt(2), rel=2e-3
        )


def _still_field() -> MotionField:
    shape = COUNT, HEIGHT, WIDTH
    ways = np.ones((2, *shape), bool)
    ways[0, -1] = ways[1, 0] = False
    return MotionField(*[np.zeros((*shape, 2), np.float16)] * 2, ways[0], ways[1])


def test_three_layers_have_a_matte_each_but_the_last() -> None:
    boxes = [(slice(8, 40), slice(8, 40)), (slice(20, 56), slice(50, 88))]
    still = [[0.0] * COUNT] * 3
    solver, reports = run(shot(boxes, still), tiny("paper", steps=20), 2)
    names = ("layer0", "layer1", "bg")
    for term, layers in (("flow", names), ("sparsity", names[:2]), ("matte start", names[:2])):
        assert {f"{term} {layer}" for layer in layers} <= set(reports[0].terms)
        assert (f"{term} bg" in reports[0].terms) == (layers == names)
    noises = [layer.texture.noise for layer in solver.model.layers]
    assert not torch.equal(noises[0], noises[1])
    with torch.no_grad():
        alphas = [layer.alpha for layer in solver.model.frame(0, overscan=False)]
    assert [bool((alpha == 1).all()) for alpha in alphas] == [False, False, True]


def test_a_decoder_serves_the_fast_solver_coarse_and_fine(observed: Observed) -> None:
    settings = preset_settings("fast", texture="decoder")
    model = dataclasses.replace(settings.model, networks=TINY)
    settings = dataclasses.replace(settings, steps=8, model=model)
    solver = Solver(observed, settings)
    reports = []
    while not solver.finished:
        reports.append(solver.step())
    assert solver.model.atlas_level == 0
    # the decoder was fitted to the fused frames, so it does not start from noise
    assert reports[0].psnr_reblur > 20
    atlas = solver.model.linear_atlases()[0]
    assert atlas.shape[:2] == solver.model.layers[0].texture.full


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile wants a C++ compiler")
def test_compiled_networks_take_the_same_steps(observed: Observed) -> None:
    """As a GPU would have it, compiled for the CPU."""
    plain = Solver(observed, tiny("paper"))
    compiled = Solver(observed, tiny("paper"))
    compiled._compile()
    for _ in range(3):
        assert compiled.step().loss == pytest.approx(plain.step().loss, rel=1e-4)
