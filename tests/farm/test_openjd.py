# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from openjd.model import create_job, decode_job_template, preprocess_job_parameters
from pullfocus.errors import PullfocusError
from pullfocus.farm.openjd import MOST_PARAMETERS, Chunks, Needs, Parameter, Step, job_template
from pullfocus.farm.options import JobOption

SWITCH = JobOption(
    name="keep-plate",
    verbs=("bake",),
    value=False,
    default=True,
    kind="STRING",
    optional=False,
    switch=True,
    choices=(),
    least=None,
    most=None,
    description="",
)


def option(**changes: object) -> JobOption:
    return JobOption(**{**SWITCH.__dict__, "switch": False, **changes})


def step(name: str, after: tuple[str, ...] = (), chunks: Chunks | None = None) -> Step:
    return Step(
        name=name,
        description="",
        command="true",
        arguments=("{{Param.P0}}",),
        needs=Needs(512.0, cores=2, gpu=True),
        timeout_s=60,
        after=after,
        chunks=chunks,
    )


def parameters(count: int) -> list[Parameter]:
    return [Parameter(name=f"P{n}", value="x", label="P", group="G") for n in range(count)]


def test_steps_wait_for_each_other_and_tasks_come_in_chunks() -> None:
    tiles = Chunks("Tile", "1-9", "4")
    steps = [step("Solve"), step("Finish", ("Solve",), tiles), step("Bake", ("Finish",))]
    text = job_template("a {{name}}", "", parameters(1), steps)
    del text["description"]
    for one in text["steps"]:
        del one["description"]
    template = decode_job_template(template=text, supported_extensions=["TASK_CHUNKING"])
    values = preprocess_job_parameters(
        job_template=template,
        job_parameter_values={},
        job_template_dir=Path("/"),
        current_working_dir=Path("/"),
    )
    job = create_job(job_template=template, job_parameter_values=values)
    assert job.name == "a name"
    assert [s.name for s in job.steps] == ["Solve", "Finish", "Bake"]
    assert [d.dependsOn for d in job.steps[2].dependencies] == ["Finish"]


def test_too_many_parameters_are_refused() -> None:
    job_template("a", "", parameters(MOST_PARAMETERS), [step("Solve")])
    with pytest.raises(PullfocusError, match="at most 50 parameters in a job, got 51"):
        job_template("a", "", parameters(MOST_PARAMETERS + 1), [step("Solve")])


def test_memory_is_asked_for_in_mebibytes() -> None:
    amounts = Needs(1048.576, gpu=True).requirements()["amounts"]
    assert [(one["name"], one["min"]) for one in amounts] == [
        ("amount.worker.vcpu", 1),
        ("amount.worker.memory", 1000),
        ("amount.worker.gpu", 1),
    ]


def test_a_switch_is_a_choice_of_two_words() -> None:
    found = SWITCH.parameter(group="Bake")
    assert (found.name, found.value) == ("KeepPlate", "no-keep-plate")
    assert found.allowed == ("keep-plate", "no-keep-plate")
    assert SWITCH.argument == "--{{Param.KeepPlate}}"
    assert SWITCH.given


def test_what_can_be_left_away_is_text() -> None:
    seed = option(name="seed", kind="INT", optional=True, value=1234567, default=None, least=0)
    found = seed.parameter(group="Solve")
    assert (found.kind, found.value, found.least) == ("STRING", "1234567", None)
    assert seed.argument == "--seed={{Param.Seed}}"
    none = option(name="seed", kind="INT", optional=True, value=None, default=None)
    assert none.parameter(group="Solve").value == ""
    assert not none.given


def test_bounds_reach_the_dialog() -> None:
    near = option(name="near", kind="FLOAT", value=0.5, default=1.0, least=0)
    entry = near.parameter(group="Refocus").definition()
    assert entry["minValue"] == 0.0
    assert entry["userInterface"]["control"] == "SPIN_BOX"
