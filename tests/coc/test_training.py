# SPDX-License-Identifier: Apache-2.0
import itertools
import json
from functools import partial
from pathlib import Path

import pytest
import torch
from pullfocus.checkpoint import load
from pullfocus.coc.estimate import load_network
from pullfocus.coc.network import CocEstimate, CocNetwork, NetworkSettings
from pullfocus.coc.pool import Pool, draw_batch
from pullfocus.coc.trainer import Stage, Trainer, TrainSettings, coc_loss
from pullfocus.coc.training import export, read_log, train, trained
from pullfocus.errors import PullfocusError

PLAN = TrainSettings(
    stage=Stage.scratch, steps=6, batch=2, crop=32, warmup_steps=2, precision="float32"
)

TINY = NetworkSettings(dims=(8, 16), encoder_blocks=(1, 1), decoder_blocks=(1,))


class Stop(Exception):
    pass


def stop_at(last: int, step: int, facts: dict[str, float]) -> None:
    if step == last:
        raise Stop


def test_a_stopped_training_goes_on_step_for_step(pool: Pool, tmp_path: Path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    train(whole, PLAN, [(pool, 1.0)], pool)
    with pytest.raises(Stop):
        train(halves, PLAN, [(pool, 1.0)], pool, report=partial(stop_at, 3))
    assert int(load(halves / "state.safetensors")[0]["step"]) == 3
    with (halves / "log.jsonl").open("a") as log:
        log.write('{"step": 4, "loss": 1}\n{"step": 5, "lo')  # written after the state; torn
    facts = train(halves, PLAN, [(pool, 1.0)], pool)
    assert facts["rmse_px"] > 0
    first, second = (load(folder / "weights.safetensors")[0] for folder in (whole, halves))
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    assert [line["step"] for line in read_log(halves / "log.jsonl")] == list(range(1, 7))


def test_stages_hand_the_encoder_on(pool: Pool, tmp_path: Path):
    def settings(stage: Stage) -> TrainSettings:
        return TrainSettings(**{**PLAN.__dict__, "stage": stage, "steps": 2})

    pools = [(pool, 1.0)]
    assert "mae" in train(tmp_path / "deblur", settings(Stage.deblur), pools, pool)
    with pytest.raises(PullfocusError, match="expected the folder of a deblur stage"):
        train(tmp_path / "frozen", settings(Stage.frozen), pools, pool)
    for stage in (Stage.frozen, Stage.tuned):
        train(
            tmp_path / stage.value,
            settings(stage),
            pools,
            pool,
            encoder_from=tmp_path / "deblur",
        )
    taught = trained(tmp_path / "deblur").encoder.state_dict()
    frozen = trained(tmp_path / "frozen").encoder.state_dict()
    tuned = trained(tmp_path / "tuned").encoder.state_dict()
    assert all(torch.equal(taught[name], frozen[name]) for name in taught)
    assert any(not torch.equal(taught[name], tuned[name]) for name in taught)
    network = load_network(export(tmp_path / "tuned"))
    assert network.decoder.head.weight.dtype == torch.float32


def test_other_settings_are_refused_but_more_steps_are_not(pool: Pool, tmp_path: Path):
    one = TrainSettings(**{**PLAN.__dict__, "steps": 1})
    train(tmp_path, one, [(pool, 1.0)], pool)
    more = TrainSettings(**{**PLAN.__dict__, "steps": 2})
    train(tmp_path, more, [(pool, 1.0)], pool)
    assert json.loads((tmp_path / "train.json").read_text())["steps"] == 2
    other = TrainSettings(**{**PLAN.__dict__, "rate": 1e-4})
    with pytest.raises(PullfocusError, match=r"expected rate 0\.001"):
        train(tmp_path, other, [(pool, 1.0)], pool)


def test_the_clock_ends_a_training_and_lowers_its_rate(pool: Pool, tmp_path: Path):
    by_clock = TrainSettings(**{**PLAN.__dict__, "steps": 10**9, "minutes": 20 / 60})
    seconds = itertools.count(100)  # every look at the clock takes a second
    facts = train(tmp_path, by_clock, [(pool, 1.0)], pool, clock=lambda: float(next(seconds)))
    log = read_log(tmp_path / "log.jsonl")
    shares = [line["share"] for line in log]
    assert 20 <= facts["seconds"] <= 26
    assert "rmse_px" in log[-1]
    assert shares == sorted(shares)
    assert shares[-2] < 1 <= shares[-1]


def test_the_rate_follows_the_share_that_is_done(pool: Pool):
    batch = draw_batch([(pool, 1.0)], 2, crop=48, seed=0, step=0)
    trainer = Trainer(TrainSettings(**{**PLAN.__dict__, "warmup_steps": 1, "rate": 1e-3}))
    for share, wanted in ((0.0, 1e-3), (0.5, 0.505e-3), (1.0, 1e-5), (1.7, 1e-5)):
        trainer.step(batch, share)
        assert trainer.optimiser.param_groups[0]["lr"] == pytest.approx(wanted)


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(pool: Pool):
    batch = draw_batch([(pool, 1.0)], 2, crop=48, seed=0, step=0)
    losses = []
    for compiled in (False, True):
        trainer = Trainer(PLAN, sizes=TINY, compiled=compiled)
        losses.append([trainer.step(batch) for _ in range(4)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert set(trainer.state()) >= {f"network.{k}" for k in CocNetwork(TINY).state_dict()}


def test_an_encoder_of_another_size_is_refused():
    other = CocNetwork(TINY)
    with pytest.raises(PullfocusError, match="expected the encoder of a network of this"):
        Trainer(PLAN, encoder=other.encoder.state_dict())


def test_other_pictures_are_refused(pool: Pool, tmp_path: Path):
    train(
        tmp_path, TrainSettings(**{**PLAN.__dict__, "steps": 1}), [(pool, 1.0)], pool, made_of="a"
    )
    with pytest.raises(PullfocusError, match="expected made_of 'a'"):
        train(tmp_path, PLAN, [(pool, 1.0)], pool, made_of="b")


def test_a_loss_that_is_not_a_number_ends_it_with_the_state_before(pool: Pool):
    batch = draw_batch([(pool, 1.0)], 2, crop=48, seed=0, step=0)
    trainer = Trainer(PLAN)
    before = {k: v.clone() for k, v in trainer.state().items()}
    with pytest.raises(PullfocusError, match="step 0: expected a finite loss"):
        trainer.step(batch._replace(radius_px=batch.radius_px * float("nan")))
    assert all(torch.equal(before[k], v) for k, v in trainer.state().items())


def test_it_learns_a_batch_by_heart(pool: Pool):
    settings = TrainSettings(**{**PLAN.__dict__, "steps": 40, "warmup_steps": 5})
    batch = draw_batch([(pool, 1.0)], 2, crop=48, seed=0, step=0)
    trainer = Trainer(settings)
    losses = [trainer.step(batch) for _ in range(settings.steps)]
    assert sum(losses[-3:]) < 0.5 * sum(losses[:3])


def test_the_expected_error_does_not_pull_at_the_radius():
    radius = torch.full((1, 4, 4), 2.0, requires_grad=True)
    error = torch.full((1, 4, 4), 0.5, requires_grad=True)
    loss = coc_loss(
        CocEstimate(radius_px=radius, error_px=error),
        torch.full((1, 4, 4), 3.0),
        TrainSettings(confidence_weight=1.0),
    )
    loss.backward()
    assert radius.grad is not None
    torch.testing.assert_close(radius.grad, torch.full((1, 4, 4), -1 / 16))
    assert (error.grad < 0).all()  # a miss of 1 px: 0.5 is too small, it must grow
