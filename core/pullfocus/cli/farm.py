# SPDX-License-Identifier: Apache-2.0
"""``pullfocus farm``: the command line of a job bundle for a render farm.

It takes what solve, bake and refocus take. Their options are read off the functions themselves, so
that a new one is the farm's too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer

from pullfocus.cli.bake import bake
from pullfocus.cli.jobs import with_jobs
from pullfocus.cli.options import Preset, ProgressOption, Report, named_mattes, reporting
from pullfocus.cli.refocus import CAMERA_MODE, named_atlases, refocus
from pullfocus.cli.solve import Quality, ShotPath, solve
from pullfocus.errors import PullfocusError

if TYPE_CHECKING:
    from pullfocus.farm.openjd import Kind
    from pullfocus.farm.options import JobOption
    from pullfocus.shot import Shot

__all__ = ["farm"]

_VERBS: dict[str, Callable[..., None]] = {
    "solve": solve,
    "bake": with_jobs(bake),
    "refocus": with_jobs(refocus),
}
# The job itself says these, by parameters of its own; a requeued solve must never start over.
_OF_THE_JOB = frozenset(
    "context folder plate out matte key box scribble auto frames atlas progress restart"
    " skip_existing preview finish".split()
)
_OF_FOOTAGE = (
    *("colorspace", "working_space", "rate"),
    *("plate_layer", "overscan", "deinterlace"),
)
"""Options that say how footage is read."""


def farm(
    plate: Annotated[str, typer.Argument(metavar="PLATE", help=f"Misfocused footage. {ShotPath}")],
    out: Annotated[Path, typer.Option(metavar="JOB", help="Folder for the job bundle.")],
    matte: Any = None,
    key: Any = None,
    box: Any = None,
    scribble: Any = None,
    auto: Any = None,
    frames: Any = None,
    solve_folder: Annotated[
        Path | None,
        typer.Option(metavar="X.solve", help="Solve folder. Default: in JOB."),
    ] = None,
    passes: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the passes. Default: in JOB.")
    ] = None,
    refocused: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for refocused frames. Default: in JOB, where an option of refocus is "
            "given; without one nothing is refocused.",
        ),
    ] = None,
    atlas: Any = None,
    frames_per_task: Annotated[
        int, typer.Option(min=1, help="Frames that one task of Bake or Refocus writes.")
    ] = 8,
    solve_hours: Annotated[
        float,
        typer.Option(min=0.01, help="A solve, or its finish, that takes longer is stopped, saved."),
    ] = 24.0,
    task_hours: Annotated[
        float, typer.Option(min=0.01, help="A task of frames that takes longer is stopped.")
    ] = 4.0,
    program: Annotated[
        str, typer.Option(help="How the machines of the farm start pullfocus.")
    ] = "pullfocus",
    conda_packages: Annotated[
        str, typer.Option(help="For queues that make a conda environment from CondaPackages.")
    ] = "pullfocus",
    rez_packages: Annotated[
        str, typer.Option(help="For queues that resolve RezPackages.")
    ] = "pullfocus",
    progress: ProgressOption = Report.auto,
    **options: Any,
) -> None:
    """Write a job for a render farm: solve, bake and refocus, as Open Job Description.

    Takes the options of solve, bake and refocus. Submit it with Deadline Cloud (deadline bundle
    submit JOB), or run it here with openjd run.
    """
    from pullfocus.api.solving import fitted_to
    from pullfocus.farm.bundle import PARAMETERS, write_bundle
    from pullfocus.farm.job import FarmSettings, Folders, farm_job
    from pullfocus.farm.marks import JobMark
    from pullfocus.roto.found import MatteRequest
    from pullfocus.solve.asked import COC_AUTO, asked_settings
    from pullfocus.solve.inputs import ShotInputs

    if options["quality"] is None and options["preset"] is Preset.fast:
        options["quality"] = Quality.standard  # a dialog shows what it will be
    mattes, atlases = named_mattes(matte), named_atlases(atlas or [])
    coc = options["coc"] if options["coc"] not in (None, COC_AUTO) else None
    settings = asked_settings(options)
    inputs = ShotInputs(
        plate=plate,
        mattes=mattes,
        coc=coc,
        frames=frames,
        **{name: options[name] for name in _OF_FOOTAGE},
    )
    request = MatteRequest.parsed(key=key, box=box, scribble=scribble, auto=auto)
    shot = inputs.open()
    request.read(shot)
    layers = tuple(dict.fromkeys((*request.layers, *shot.layer_names)))
    settings = fitted_to(
        shot,
        settings,
        proxy=options["proxy"],
        memory_gb=options["memory"],
        layers=len(layers),
        matte_slack_px=options["matte_slack"],
    )
    held = [
        _job_option(name, parameter, verbs, options[name])
        for name, (parameter, verbs) in _OPTIONS.items()
        if name != "coc" or coc is None
    ]
    asked = any(option.given and option.verbs == ("refocus",) for option in held)
    if asked or atlases or refocused is not None:
        refocused = refocused or out / "refocused"
        _check_refocus(shot, layers, options, atlases)
    folders = Folders(
        str((solve_folder or out / f"{shot.name}.solve").absolute()),
        str((passes or out / "passes").absolute()),
        None if refocused is None else str(refocused.absolute()),
    )
    with reporting(progress) as say:
        for note in shot.notes:
            say.note(note)
        job = farm_job(
            shot,
            plate=plate,
            mattes=mattes,
            coc=coc,
            options=held,
            atlases=atlases,
            marks=[JobMark(m.kind, m.layer, m.frame, m.value) for m in request.marks],
            auto=request.auto,
            folders=folders,
            settings=FarmSettings(
                frames_per_task=frames_per_task,
                solve_hours=solve_hours,
                task_hours=task_hours,
                program=program,
                conda_packages=conda_packages,
                rez_packages=rez_packages,
            ),
            solve_settings=settings,
            device=options["device"].value,
        )
        template = write_bundle(job, out)
        job_values = (out / PARAMETERS).absolute()
        steps = [step["name"] for step in job.template["steps"]]
        say.done(
            f"wrote {out}: {', '.join(steps)} of {len(shot.frames)} frames\n"
            f"submit it: deadline bundle submit {out}\n"
            f"or run it here: openjd run {template} --job-param file://{job_values}",
            bundle=str(out),
            template=str(template),
            steps=steps,
            frames=len(shot.frames),
        )


def _check_refocus(
    shot: Shot,
    known: tuple[str, ...],
    options: dict[str, Any],
    atlases: tuple[tuple[str, str], ...],
) -> None:
    """Find what is wrong with the options of refocus now, and not after the solve."""
    from pullfocus.refocus.asked import asked_lens, known_distances, wanted_focus
    from pullfocus.refocus.focus import PLATE, Place

    asked_lens(options)
    known_distances(*(options[name] for name in CAMERA_MODE))
    keys = wanted_focus(options["focus"], options["focus_point"])
    wanted = [key.target for key in keys]
    layers = [one for one in wanted if isinstance(one, str) and one != PLATE]
    layers += [name for text in options["keep_sharp"] or [] for name in text.split(",")]
    layers += [name for name, _ in atlases]
    for name in layers:
        if name.strip() not in known:
            names = ", ".join(known)
            raise PullfocusError(f"expected a layer of the shot ({names}), got {name.strip()!r}")
    named = [one.frame for one in wanted if isinstance(one, Place)]
    for frame in [*named, *(key.frame for key in keys if key.frame is not None)]:
        if frame not in shot.frames:
            raise PullfocusError(f"--focus: expected a frame of the shot, got {frame}")
    for _, path in atlases:
        if not Path(path).is_file():
            raise PullfocusError(f"--atlas: expected a painted atlas, got no file at {path}")


def _verb_parameters(verb: Callable[..., None]) -> dict[str, inspect.Parameter]:
    """The options of a verb, with their annotations evaluated."""
    hints = get_type_hints(verb, include_extras=True)
    return {
        name: parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(verb).parameters.items()
    }


def _collected() -> dict[str, tuple[inspect.Parameter, tuple[str, ...]]]:
    """Every option of the verbs that the job does not say itself, and which of them take it."""
    found: dict[str, tuple[inspect.Parameter, tuple[str, ...]]] = {}
    for verb, function in _VERBS.items():
        for name, parameter in _verb_parameters(function).items():
            if name not in _OF_THE_JOB:
                verbs = found[name][1] if name in found else ()
                found[name] = (found[name][0] if name in found else parameter, (*verbs, verb))
    return found


_OPTIONS = _collected()


def _typed(function: Callable[..., None]) -> None:
    """Give the farm's function the signature that its options add up to."""
    own = _verb_parameters(function)
    solving, refocusing = _verb_parameters(solve), _verb_parameters(refocus)
    own |= {name: solving[name] for name in ("matte", "key", "box", "scribble", "auto", "frames")}
    own["atlas"] = refocusing["atlas"]
    del own["options"]
    own |= {name: parameter for name, (parameter, _) in _OPTIONS.items()}
    function.__signature__ = inspect.Signature(list(own.values()))  # type: ignore[attr-defined]
    function.__annotations__ = {name: one.annotation for name, one in own.items()}


def _job_option(
    name: str, parameter: inspect.Parameter, verbs: tuple[str, ...], value: Any
) -> JobOption:
    """What the command line knows of an option, as the farm wants to know it."""
    from pullfocus.farm.options import JobOption

    kind, info = get_args(parameter.annotation)[:2]
    alternatives = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    base = next(one for one in alternatives if one is not NoneType)
    choices = tuple(one.value for one in base) if _is(base, Enum) else ()
    default = parameter.default
    # typer takes the first name of an annotated option for its default
    flags = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
    return JobOption(
        name=(flags or [name])[0].split("/")[0].lstrip("-").replace("_", "-"),
        verbs=verbs,
        value=_plain(value),
        default=_plain(default),
        kind=_kind(base),
        optional=NoneType in alternatives,
        switch=base is bool,
        choices=choices,
        least=info.min,
        most=info.max,
        description=info.help or "",
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value


def _is(base: Any, kind: type) -> bool:
    return isinstance(base, type) and issubclass(base, kind)


def _kind(base: Any) -> Kind:
    if _is(base, Path):
        return "PATH"
    if base is int:
        return "INT"
    return "FLOAT" if base is float else "STRING"


_typed(farm)
