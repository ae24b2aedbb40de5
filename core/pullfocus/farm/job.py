# SPDX-License-Identifier: Apache-2.0
"""A shot as a job: which steps it takes, what each is told, and what machine each needs.

Solve is one task: it saves when told to stop, and its folder, which lies outside of any session's,
lets the next machine go on. So is Finish, which takes the solve of a proxy to the plate's size: its
steps follow each other, and every one of them moves texels that the next one sees. Bake and Refocus
take frames in chunks, any number at a time: every file is written beside its place and renamed, and
what is there already is left.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pullfocus.farm.marks import JobMark, guessed, mark_files
from pullfocus.farm.openjd import Chunks, Needs, Parameter, Step, job_template
from pullfocus.farm.options import SEQUENCES, JobOption, parameter_name
from pullfocus.plate.sequence import openjd_range
from pullfocus.shot import Shot
from pullfocus.solve.memory import memory_estimate_mb

__all__ = ["FarmSettings", "Folders", "Job", "farm_job"]

# What a dialog shows even where nothing was given; the rest of the options only if it was.
_USUAL = frozenset(
    "quality minutes colorspace keep-plate focus keep-sharp aperture near far max-radius blades "
    "rotation squeeze highlight-gain".split()
)
_FOOTAGE, _RESULTS, _FARM = "Footage", "Results", "Farm"
_OPENJD = "--progress=openjd"


@dataclass(frozen=True, kw_only=True)
class FarmSettings:
    """How a job is cut and run, whatever it computes."""

    frames_per_task: int = 8
    """Frames that one task of Bake or Refocus writes."""
    solve_hours: float = 24.0
    """A solve, or its finish, that takes longer is stopped; it has saved."""
    task_hours: float = 4.0
    """The same for a task of frames."""
    program: str = "pullfocus"
    """How the machines of the farm start pullfocus."""
    conda_packages: str = "pullfocus"
    rez_packages: str = "pullfocus"


@dataclass(frozen=True)
class Folders:
    """Where results go, absolute."""

    solve: str
    passes: str
    refocused: str | None
    """None: the job has no Refocus."""


@dataclass(frozen=True)
class Job:
    """A job bundle before it is written."""

    template: dict[str, Any]
    parameters: tuple[Parameter, ...]
    inputs: tuple[str, ...]
    """Files that the job reads, absolute."""
    outputs: tuple[str, ...]
    """Folders that it writes, absolute."""
    referenced: tuple[str, ...]
    """Folders of the sequences that parameters name by a pattern, absolute."""


def farm_job(
    shot: Shot,
    *,
    plate: str,
    mattes: Sequence[tuple[str, str]],
    coc: str | None,
    options: Sequence[JobOption],
    atlases: Sequence[tuple[str, str]] = (),
    marks: Sequence[JobMark] = (),
    auto: Sequence[str] = (),
    folders: Folders,
    settings: FarmSettings,
    solve_settings: Any,
    device: str = "cpu",
) -> Job:
    """Describe the job that solves, bakes and refocuses a shot.

    Args:
        shot: the shot, opened, which checks plate and mattes.
        plate: how the user named the plate.
        mattes: (layer, how the user named its matte), front to back.
        coc: how the user named a given circle of confusion.
        options: of solve, bake and refocus, with their values.
        atlases: (layer, painted atlas) for Refocus.
        marks: on single frames, whose layers are followed.
        auto: layers that are guessed.
        folders: where results go.
        settings: how the job is cut.
        solve_settings: SolveSettings, for the memory that a machine needs, and whether there is a
            proxy, whose solve is finished by a step of its own.
        device: what solves, cpu or cuda.

    Raises:
        PullfocusError: more parameters than a job may have.
    """
    footage = _Footage.of(shot, plate, mattes, coc)
    shown = [option for option in options if option.given or option.name in _USUAL]
    by_verb = {
        verb: [option for option in shown if verb in option.verbs]
        for verb in ("solve", "bake", "refocus")
    }
    if folders.refocused is None:
        by_verb["refocus"] = []
    layers = len({*(mark.layer for mark in marks), *auto, *shot.layer_names})
    needs = _needs(shot, solve_settings, layers, gpu=device == "cuda")
    marked = (*(mark.argument for mark in marks), *guessed(auto))
    solve = _solve(by_verb["solve"], footage, marked, needs["solve"], settings)
    steps = [solve]
    if getattr(solve_settings, "proxy", 0):
        steps = _in_two(solve, needs)
    solved = steps[-1].name
    steps.append(_bake(by_verb["bake"], footage, solved, needs["frames"], settings))
    if folders.refocused is not None:
        steps.append(
            _refocus(by_verb["refocus"], footage, solved, atlases, needs["frames"], settings)
        )
    painted = tuple(_painted(layer, path) for layer, path in atlases)
    groups = {"solve": "Solve", "bake": "Bake", "refocus": "Refocus"}
    own = tuple(
        option.parameter(group=groups[next(v for v in groups if v in option.verbs)])
        for option in shown
        if any(option in held for held in by_verb.values())
    )
    parameters = (
        *footage.parameters,
        *(parameter for mark in marks for parameter in mark.parameters),
        *_results(folders),
        *own,
        *painted,
        *_farm(settings, shot.frames),
    )
    files = [
        *footage.files,
        *mark_files(marks),
        *(str(one.value) for one in (*own, *painted) if one.kind == "PATH" and one.value),
    ]
    return Job(
        template=job_template(
            f"pullfocus {shot.name}",
            "Solves a misfocused shot and writes its passes, with pullfocus.",
            parameters,
            steps,
        ),
        parameters=parameters,
        inputs=tuple(dict.fromkeys(files)),
        outputs=tuple(f for f in (folders.solve, folders.passes, folders.refocused) if f),
        referenced=footage.folders,
    )


def _solve(
    options: Sequence[JobOption],
    footage: _Footage,
    marked: Sequence[str],
    needs: Needs,
    settings: FarmSettings,
) -> Step:
    return Step(
        name="Solve",
        description="Sharp layers, mattes and focus from the plate. Stops and goes on.",
        command="{{Param.Program}}",
        arguments=(
            "solve",
            "{{Param.Plate}}",
            "--out={{Param.SolveFolder}}",
            *footage.arguments,
            *marked,
            "--frames={{Param.Frames}}",
            *(option.argument for option in options),
            _OPENJD,
        ),
        needs=needs,
        timeout_s=round(3600 * settings.solve_hours),
    )


def _in_two(solve: Step, needs: Mapping[str, Needs]) -> list[Step]:
    """Return a solve as two steps: of the proxy, and what the same command goes on with."""
    return [
        replace(
            solve,
            description="Focus, mattes and motion, on a proxy of the plate. Stops and goes on.",
            arguments=(*solve.arguments, "--no-finish"),
            needs=needs["proxy"],
        ),
        replace(
            solve,
            name="Finish",
            description="Sharp layers at the plate's size. Stops and goes on.",
            needs=needs["finish"],
            after=(solve.name,),
        ),
    ]


def _bake(
    options: Sequence[JobOption],
    footage: _Footage,
    solved: str,
    needs: Needs,
    settings: FarmSettings,
) -> Step:
    return _frames_step(
        "Bake",
        "Passes for the compositor: one multi-layer EXR a frame, and the atlases.",
        ("bake", "{{Param.SolveFolder}}", "--out={{Param.PassesFolder}}"),
        (*footage.now, *(option.argument for option in options)),
        solved,
        needs,
        settings,
    )


def _refocus(
    options: Sequence[JobOption],
    footage: _Footage,
    solved: str,
    atlases: Sequence[tuple[str, str]],
    needs: Needs,
    settings: FarmSettings,
) -> Step:
    painted = [f"--atlas={layer}={{{{Param.{_atlas_name(layer)}}}}}" for layer, _ in atlases]
    return _frames_step(
        "Refocus",
        "Focus pulled again: the repaired or restyled frames.",
        ("refocus", "{{Param.SolveFolder}}", "--out={{Param.RefocusFolder}}"),
        (*footage.now, *(option.argument for option in options), *painted),
        solved,
        needs,
        settings,
    )


def _frames_step(
    name: str,
    description: str,
    verb: tuple[str, ...],
    arguments: tuple[str, ...],
    solved: str,
    needs: Needs,
    settings: FarmSettings,
) -> Step:
    """A step whose tasks are chunks of frames, once the step `solved` is done."""
    return Step(
        name=name,
        description=description,
        command="{{Param.Program}}",
        arguments=(
            *verb,
            "--frames={{Task.Param.Frame}}",
            "--skip-existing",
            *arguments,
            _OPENJD,
        ),
        needs=needs,
        timeout_s=round(3600 * settings.task_hours),
        after=(solved,),
        chunks=Chunks("Frame", "{{Param.Frames}}", "{{Param.FramesPerTask}}"),
    )


@dataclass(frozen=True)
class _Footage:
    """What the job reads: its parameters, the arguments that name them, and the files."""

    parameters: tuple[Parameter, ...]
    mattes: tuple[str, ...]
    coc: bool
    files: tuple[str, ...]
    folders: tuple[str, ...]

    @classmethod
    def of(
        cls, shot: Shot, plate: str, mattes: Sequence[tuple[str, str]], coc: str | None
    ) -> _Footage:
        asked = [("Plate", "Plate", plate, "The misfocused footage.")]
        for name, path in mattes:
            what = f"Matte of the layer {name}; rough is fine."
            asked.append((_matte_name(name), f"Matte {name}", path, what))
        if coc is not None:
            asked.append(("Coc", "Circle of confusion", coc, "Known radius, px."))
        parameters, folders = [], []
        for name, label, path, what in asked:
            where = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 (keeps links)
            if not where.is_file():
                folders.append(str(where if where.is_dir() else where.parent))
            parameters.append(
                Parameter(
                    name=name,
                    value=str(where),
                    kind="PATH",
                    label=label,
                    group=_FOOTAGE,
                    description=what,
                    folder=where.is_dir(),
                    # a pattern is no file: its frames are listed among the assets
                    flow="IN" if where.is_file() else "NONE",
                    filters=() if where.is_dir() else SEQUENCES,
                )
            )
        files = [file for one in shot.footage for file in one.files]
        return cls(
            tuple(parameters),
            tuple(name for name, _ in mattes),
            coc is not None,
            tuple(os.path.abspath(file) for file in files),  # noqa: PTH100
            tuple(dict.fromkeys(folders)),
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        """How Solve is told where mattes and circle of confusion are on its machine."""
        return (*self._mattes, *(("--coc={{Param.Coc}}",) if self.coc else ()))

    @property
    def now(self) -> tuple[str, ...]:
        """How a step after Solve is told where the footage is on its machine."""
        return ("--plate={{Param.Plate}}", *self._mattes)

    @property
    def _mattes(self) -> tuple[str, ...]:
        return tuple(f"--matte={name}={{{{Param.{_matte_name(name)}}}}}" for name in self.mattes)


def _matte_name(layer: str) -> str:
    return f"Matte_{layer}"


def _atlas_name(layer: str) -> str:
    return f"Atlas_{layer}"


def _painted(layer: str, path: str) -> Parameter:
    return Parameter(
        name=_atlas_name(layer),
        value=os.path.abspath(path),  # noqa: PTH100
        kind="PATH",
        label=f"Painted atlas of {layer}",
        group="Refocus",
        description=f"Shown in place of the solved atlas of the layer {layer}.",
        flow="IN",
        filters=SEQUENCES[:1],
    )


def _results(folders: Folders) -> tuple[Parameter, ...]:
    named = [
        ("solve-folder", folders.solve, "INOUT", "Keeps the solve; an unfinished one goes on."),
        ("passes-folder", folders.passes, "OUT", "Where the passes go."),
        ("refocus-folder", folders.refocused, "OUT", "Where the refocused frames go."),
    ]
    return tuple(
        Parameter(
            name=parameter_name(name),
            value=value,
            kind="PATH",
            label=name.replace("-", " ").capitalize(),
            group=_RESULTS,
            description=what,
            folder=True,
            flow=flow,  # type: ignore[arg-type]
        )
        for name, value, flow, what in named
        if value is not None
    )


def _farm(settings: FarmSettings, frames: Sequence[int]) -> tuple[Parameter, ...]:
    return (
        Parameter(
            name="Frames",
            value=openjd_range(frames),
            label="Frames",
            group=_FOOTAGE,
            description="Frame numbers of the shot, such as 1001-1060 or 1-9:2,12.",
        ),
        Parameter(
            name="FramesPerTask",
            value=settings.frames_per_task,
            kind="INT",
            label="Frames per task",
            group=_FARM,
            description="Frames that one task of Bake or Refocus writes.",
            least=1,
        ),
        Parameter(
            name="Program",
            value=settings.program,
            label="Program",
            group=_FARM,
            description="How the machines of the farm start pullfocus.",
        ),
        *(
            Parameter(
                name=name,
                value=value,
                label=name,
                group=_FARM,
                description=f"For a queue environment that makes its software from {name}.",
                hidden=True,
            )
            for name, value in (
                ("CondaPackages", settings.conda_packages),
                ("RezPackages", settings.rez_packages),
            )
        ),
    )


def _needs(shot: Shot, solve_settings: Any, layers: int, *, gpu: bool) -> dict[str, Needs]:
    """What machines must have, by kind of step."""
    pixels = shot.width * shot.height
    estimate = functools.partial(memory_estimate_mb, shot, solve_settings, layers=layers)
    # the model with its atlases, and a frame's passes with what they are made from
    frames_mb = 600 + pixels * layers * (48 + 160) / 1e6
    return {
        "solve": Needs(estimate(), gpu=gpu),
        "proxy": Needs(estimate("proxy"), gpu=gpu),
        "finish": Needs(estimate("finish"), gpu=gpu),
        "frames": Needs(frames_mb),
    }
