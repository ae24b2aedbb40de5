# SPDX-License-Identifier: Apache-2.0
"""Frames that are worked on at once: in order, by so many threads, and to the bit as by one."""

import threading

import pytest
import torch
from pullfocus.solve.settings import SolveSettings
from pullfocus.solve.side_by_side import Hands, Worked, load_worked, worked_state
from pullfocus.solve.solver import Solver
from solve.drawn import COUNT, shot

PULL = [0.0, 0.5, 1.0, 2.0, 3.0, 4.0]


@pytest.fixture(autouse=True)
def one_thread_each():
    """Sums of torch differ in the last bit with the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def solver(at_once: int = 2, hands: int = 1, steps: int = 13) -> Solver:
    made = Solver(shot([], [PULL]), SolveSettings(steps=steps, frames_at_once=at_once))
    made.hands.count = hands
    return made


def texels(of: Solver) -> torch.Tensor:
    return of.model.layers[0].texture.texels.detach().clone()


def test_hands_work_at_once_and_answer_in_order():
    hands, meet = Hands(3), threading.Barrier(3, timeout=20)
    hands.count = 3

    def work(t: int) -> tuple[int, int]:
        meet.wait()  # nobody gets past it alone
        return t, torch.get_num_threads()

    assert hands.work(work, [5, 2, 9]) == [(5, 1), (2, 1), (9, 1)]


def test_what_fails_in_another_thread_is_heard():
    hands = Hands(2)
    hands.count = 2

    def work(t: int) -> None:
        if t:
            raise ValueError(f"frame {t}")

    with pytest.raises(ValueError, match="frame 1"):
        hands.work(work, [0, 1])


def test_one_hand_and_two_solve_alike_to_the_bit():
    one, two = solver(hands=1), solver(hands=2)
    while not one.finished:
        said = one.step(), two.step()
        assert said[0] == said[1]
    assert two.finished
    assert torch.equal(texels(one), texels(two))


def test_the_first_of_two_is_as_fresh_as_ever_and_the_second_a_step_old():
    alone, ahead = solver(at_once=1), solver(at_once=2)
    assert alone.step() == ahead.step()
    assert torch.equal(texels(alone), texels(ahead))
    start = solver(at_once=1)
    start.queue = (
        alone.queue.copy()
    )  # the second frame, from before the first was taken a step with
    assert ahead.step().terms == start.step().terms
    assert alone.step().terms != start.step().terms


@pytest.mark.parametrize("after", [3, 4])
def test_a_checkpoint_between_the_two_goes_on_to_the_bit(after: int):
    whole, first, second = solver(), solver(), solver()
    for _ in range(after):
        first.step()
    saved = {name: value.clone() for name, value in first.state().items()}
    assert any(name.startswith("worked.") for name in saved) == bool(after % 2)
    second.load_state(saved)
    while not whole.finished:
        whole.step()
    while not second.finished:
        second.step()
    assert torch.equal(texels(whole), texels(second))


def test_what_is_worked_out_comes_back_with_its_gaps():
    one = Worked([torch.arange(3.0), None], {"l1": 0.25}, 0.5, 31.0)
    (back,) = load_worked(worked_state([one]), 2)
    assert torch.equal(back.gradients[0], one.gradients[0])
    assert back.gradients[1] is None
    assert (back.terms, back.loss, back.psnr) == (one.terms, one.loss, one.psnr)
    assert load_worked({}, 2) == []


def test_no_frame_is_worked_out_across_a_turn_of_the_solve(monkeypatch: pytest.MonkeyPatch):
    """The coarse half ends after an odd step: what comes then is of the fine model."""
    made, levels = solver(steps=10), []
    assert made.coarse_until == 5
    work = made._worked_out
    monkeypatch.setattr(
        made, "_worked_out", lambda t: levels.append(made.model.atlas_level) or work(t)
    )
    while not made.finished:
        made.step()
    assert levels == [1] * 5 + [0] * 5
    assert len(set(made.queue)) == len(made.queue) <= COUNT
