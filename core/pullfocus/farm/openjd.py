# SPDX-License-Identifier: Apache-2.0
"""Job templates of Open Job Description (2023-09) as data: parameters, steps, and their text.

Nothing here knows what pullfocus does; `job.py` says which steps a shot takes. Read after the
specification at github.com/OpenJobDescription/openjd-specifications.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pullfocus.errors import PullfocusError

__all__ = ["MOST_PARAMETERS", "Chunks", "Needs", "Parameter", "Step", "job_template"]

MOST_PARAMETERS = 50
_MOST_NAME = 128
_NOTIFY_S = 600  # the longest that the specification allows

Kind = Literal["STRING", "PATH", "INT", "FLOAT"]
Value = str | int | float


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A job parameter: a value, what it may be, and how a submitter's dialog shows it."""

    name: str
    value: Value
    kind: Kind = "STRING"
    label: str
    group: str
    description: str = ""
    allowed: tuple[str, ...] = ()
    """Of a STRING: the values to choose from."""
    least: float | None = None
    most: float | None = None
    folder: bool = False
    """Of a PATH: a directory, else a file."""
    flow: Literal["NONE", "IN", "OUT", "INOUT"] = "NONE"
    """Of a PATH: what the job does with it."""
    filters: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Of a PATH to a file: label and patterns for the file dialog."""
    hidden: bool = False

    def definition(self) -> dict[str, Any]:
        """Return its entry in a template. Paths get no default: they belong to a submission."""
        entry: dict[str, Any] = {"name": self.name, "type": self.kind}
        if self.description:
            entry["description"] = self.description
        if self.kind == "PATH":
            entry["objectType"] = "DIRECTORY" if self.folder else "FILE"
            entry["dataFlow"] = self.flow
        else:
            entry["default"] = self.value
        if self.allowed:
            entry["allowedValues"] = list(self.allowed)
        for key, bound in (("minValue", self.least), ("maxValue", self.most)):
            if bound is not None:
                entry[key] = int(bound) if self.kind == "INT" else float(bound)
        entry["userInterface"] = self._interface()
        return entry

    def _interface(self) -> dict[str, Any]:
        hints: dict[str, Any] = {"control": "HIDDEN" if self.hidden else self._control()}
        hints |= {"label": self.label, "groupLabel": self.group}
        if self.kind == "FLOAT":
            hints |= {"decimals": 3, "singleStepDelta": 0.1}
        if self.filters:
            hints["fileFilters"] = [
                {"label": label, "patterns": list(patterns)} for label, patterns in self.filters
            ]
        return hints

    def _control(self) -> str:
        if self.allowed:
            return "DROPDOWN_LIST"
        if self.kind == "PATH":
            return "CHOOSE_DIRECTORY" if self.folder else "CHOOSE_INPUT_FILE"
        return "LINE_EDIT" if self.kind == "STRING" else "SPIN_BOX"


@dataclass(frozen=True)
class Chunks:
    """A step's tasks: whole numbers, several to a task, given to it as a range expression."""

    name: str
    """Of the task parameter: ``{{Task.Param.NAME}}``."""
    numbers: str
    """Range expression, or a parameter that holds one."""
    to_a_task: str
    """How many, or a parameter that says it."""


@dataclass(frozen=True)
class Needs:
    """What a machine must have to run a step's tasks."""

    memory_mb: float
    cores: int = 1
    gpu: bool = False

    def requirements(self) -> dict[str, Any]:
        """Return the step's host requirements; memory is in MiB there."""
        amounts = [
            {"name": "amount.worker.vcpu", "min": self.cores},
            {"name": "amount.worker.memory", "min": round(self.memory_mb * 1e6 / 2**20)},
        ]
        if self.gpu:
            amounts.append({"name": "amount.worker.gpu", "min": 1})
        return {"amounts": amounts}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: a command for one task, or for each chunk of many."""

    name: str
    description: str
    command: str
    arguments: tuple[str, ...]
    needs: Needs
    timeout_s: int
    after: tuple[str, ...] = ()
    """Names of the steps that must be done before."""
    chunks: Chunks | None = None

    def definition(self) -> dict[str, Any]:
        """Return its entry in a template."""
        run = {
            "command": self.command,
            "args": list(self.arguments),
            "timeout": self.timeout_s,
            "cancelation": {
                "mode": "NOTIFY_THEN_TERMINATE",
                "notifyPeriodInSeconds": _NOTIFY_S,
            },
        }
        entry: dict[str, Any] = {"name": self.name, "description": self.description}
        if self.after:
            entry["dependencies"] = [{"dependsOn": name} for name in self.after]
        if self.chunks is not None:
            entry["parameterSpace"] = {
                "taskParameterDefinitions": [
                    {
                        "name": self.chunks.name,
                        "type": "CHUNK[INT]",
                        "range": self.chunks.numbers,
                        "chunks": {
                            "defaultTaskCount": self.chunks.to_a_task,
                            "rangeConstraint": "NONCONTIGUOUS",
                        },
                    }
                ]
            }
        entry["hostRequirements"] = self.needs.requirements()
        entry["script"] = {"actions": {"onRun": run}}
        return entry


def job_template(
    name: str, description: str, parameters: Sequence[Parameter], steps: Sequence[Step]
) -> dict[str, Any]:
    """Return a job template, ready to be written as YAML or JSON.

    Args:
        name: of the job; braces, which would be taken for a parameter, are left out.
        description: of the job.
        parameters: of the job.
        steps: in the order in which they are done.

    Raises:
        PullfocusError: more parameters than a template may have.
    """
    if len(parameters) > MOST_PARAMETERS:
        raise PullfocusError(
            f"expected at most {MOST_PARAMETERS} parameters in a job, got {len(parameters)}: give "
            "fewer options or layers"
        )
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": re.sub(r"[{}\x00-\x1f]", "", name)[:_MOST_NAME],
        "description": description,
        "parameterDefinitions": [parameter.definition() for parameter in parameters],
        "steps": [step.definition() for step in steps],
    }
