# SPDX-License-Identifier: Apache-2.0
"""A solve that an earlier version began goes on as that version would have."""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pullfocus.errors import SolveError
from pullfocus.progress import Progress
from pullfocus.solve.earlier import as_begun, flat, is_earlier
from pullfocus.solve.run import run_solve
from pullfocus.solve.settings import QUALITIES, settings_from_record
from pullfocus.solve.solver import Solver

from tests.solve import drawn, standin
from tests.solve.test_unsharp import BOX, SOFT

STANDARD = QUALITIES["standard"]


def written(*without: str) -> dict:
    """A record of standard quality, as a version wrote it that did not know some settings."""
    record = json.loads(json.dumps(dataclasses.asdict(STANDARD)))
    for name in without:
        *groups, last = name.split(".")
        inner = record
        for group in groups:
            inner = inner[group]
        del inner[last]
    return record


def test_what_it_did_not_know_it_does_not_do() -> None:
    record = written("lens", "model.background_flutter", "unsharp_rate")
    settings, words, held = as_begun(record, STANDARD)
    expected = replace(
        STANDARD, lens="round", model=replace(STANDARD.model, background_flutter=False)
    )
    assert settings == expected
    assert held == ["lens", "model.background_flutter", "unsharp_rate"]
    assert words.endswith("goes on as it did: lens round, model.background_flutter False")
    assert settings_from_record(record) == expected  # what a bake of it would take


def test_what_it_wrote_down_is_no_business_of_its_age() -> None:
    record = written("lens") | {"texel_weight": 0.1}
    assert as_begun(record, STANDARD)[0].texel_weight == STANDARD.texel_weight
    assert as_begun(written(), STANDARD) == (STANDARD, "", [])
    assert is_earlier(record, written())
    assert not is_earlier(written(), written())


def test_names_lead_to_values() -> None:
    facts = dict(flat(written()))
    assert facts["model.lens.beta"] == STANDARD.model.lens.beta
    assert not any(isinstance(value, dict) for value in facts.values())


def test_it_goes_on_and_is_said(tmp_path: Path) -> None:
    """The shot is a stand-in, solver and settings are not."""

    class Notes(Progress):
        def note(self, text: str) -> None:
            said.append(text)

    observed, said = drawn.shot([BOX], SOFT), []
    asked = replace(STANDARD, steps=4)

    def run(settings, **more):
        return run_solve(
            standin.make_shot(),
            tmp_path,
            settings,
            observe=lambda *given, **told: observed,
            make_solver=Solver,
            progress=Notes(),
            **more,
        )

    run(replace(asked, lens="round", steps=2))
    path = tmp_path / "settings.json"
    record = json.loads(path.read_text())
    del record["settings"]["lens"], record["settings"]["unsharp_share"]
    path.write_text(json.dumps(record))
    assert run(asked).step == 4
    assert any("an earlier version" in note and note.endswith("lens round") for note in said)
    assert json.loads(path.read_text())["settings"]["lens"] == "round"
    for steps in (6, 8):  # the same command goes on, however often
        assert run(replace(asked, steps=steps)).step == steps
        assert json.loads(path.read_text())["settings"]["lens"] == "round"
    with pytest.raises(SolveError, match=r"another solve.*texel_weight was"):
        run(replace(asked, steps=8, texel_weight=0.1))
