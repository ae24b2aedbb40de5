# SPDX-License-Identifier: Apache-2.0
"""The solve folder: what it was made from, who works on it, and its log.

`settings.json` holds the command's inputs (as given, absolute, and relative to the folder), the
shot they opened and the solve settings, so that a resume can tell whether it is the same solve and
a bake can open the shot without being told again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pullfocus import __version__
from pullfocus.checkpoint import sweep, write_json
from pullfocus.errors import MatteError, PlateError, PullfocusError, SolveError
from pullfocus.plate.contents import recall
from pullfocus.solve.earlier import flat, is_earlier, with_defaults
from pullfocus.solve.inputs import NOWHERE_ELSE, OPTIONS, PATHS, Elsewhere, ShotInputs

if TYPE_CHECKING:
    from pullfocus.shot import Shot

__all__ = [
    "CONTENTS",
    "check_same_solve",
    "locked",
    "read_settings",
    "reopen_shot",
    "settings_record",
]

FORMAT = 1
CONTENTS = "contents.json"
"""Digests of the footage, so that files which nobody touched are not read again."""


def settings_record(
    folder: Path,
    shot: Shot,
    inputs: ShotInputs | None,
    settings: Any,
    *,
    minutes: float | None,
) -> dict[str, Any]:
    """What settings.json says: JSON-able, equal for equal solves."""
    record = {
        "format": FORMAT,
        "pullfocus": __version__,
        "inputs": None if inputs is None else inputs.record(folder),
        "shot": {
            "name": shot.name,
            "frames": list(shot.frames),
            "width": shot.width,
            "height": shot.height,
            "rate": str(shot.rate),
            "pixel_aspect": shot.pixel_aspect,
            "colorspace": shot.colorspace,
            "layers": list(shot.layer_names),
            "fingerprint": shot.fingerprint(),
            "contents": _contents(shot),
        },
        "settings": dataclasses.asdict(settings),
        "minutes": minutes,
    }
    return json.loads(json.dumps(record))  # tuples become lists, as they will be when read back


def read_settings(folder: Path) -> dict[str, Any]:
    """Read settings.json of a solve folder.

    Raises:
        SolveError: the folder is missing or is not a solve folder.
    """
    path = folder / "settings.json"
    if not folder.exists():
        raise SolveError(f"expected a solve folder at {folder}, found nothing there")
    if not path.is_file():
        raise SolveError(f"expected a solve folder with settings.json, got {folder}")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SolveError(f"cannot read {path}: {error}") from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise SolveError(f"expected settings of format {FORMAT} in {path}, got another")
    if not isinstance(record.get("settings"), dict) or "inputs" not in record:
        raise SolveError(f"expected settings and inputs of a solve in {path}, got no such record")
    return record


def check_same_solve(folder: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check that a command continues the solve in `folder`; steps and minutes may differ.

    Raises:
        SolveError: naming what differs.
    """
    differences = [
        f"{name} was {_show(before)}, is {_show(after)}"
        for name, before, after in _differences(old, new)
    ]
    if not differences:
        return
    more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
    earlier = is_earlier(old["settings"], new["settings"])
    version = ", of an earlier version of pullfocus" if earlier else ""
    raise SolveError(
        f"{folder} holds another solve{version}: {'; '.join(differences[:3])}{more}; "
        "choose another --out, or start over with --restart"
    )


def reopen_shot(folder: Path, where: Elsewhere = NOWHERE_ELSE) -> Shot:
    """Open the shot that a solve folder was made from, known by what its files hold.

    Paths are tried where they were, where they lie relative to the folder, and wherever the
    footage was found before.

    Args:
        folder: the solve folder.
        where: where footage lies now. What is found there is written down, if the folder lets one.

    Raises:
        PullfocusError: the footage moved, or what lies there now is not what was solved.
    """
    record = read_settings(folder)
    if record["inputs"] is None:
        raise SolveError(f"{folder} does not say which footage it was made from")
    recall(folder / CONTENTS)
    places = [record["inputs"], *record.get("places", [])]
    _check_layers(folder, record, where)
    first: PullfocusError | None = None
    for inputs in _candidates(folder, places, where):
        try:
            shot = inputs.open()
            _check_same_footage(folder, record, shot)
        except (PlateError, MatteError) as error:
            first = first or error
            continue
        if where:
            _write_down(folder, record, inputs)
        return shot
    assert first is not None  # there is at least one place
    raise type(first)(
        f"{first}; if the footage moved, say where it is now with --plate and --matte"
    ) from first


def _candidates(
    folder: Path, places: Sequence[Mapping[str, Any]], where: Elsewhere
) -> list[ShotInputs]:
    found = []
    for place in places:
        for base in (None, folder):
            inputs = ShotInputs.from_record(place, base=base).moved(where)
            if inputs not in found:
                found.append(inputs)
    return found


def _check_layers(folder: Path, record: Mapping[str, Any], where: Elsewhere) -> None:
    known = [name for name, _ in record["inputs"]["mattes"]]
    unknown = sorted({name for name, _ in where.mattes} - set(known))
    if unknown:
        raise SolveError(
            f"expected a matte of {folder} ({', '.join(known) or 'none'}), got {', '.join(unknown)}"
        )


def _write_down(folder: Path, record: dict[str, Any], inputs: ShotInputs) -> None:
    """Add a place, best effort: the folder may be read-only, or another process at work on it.

    Places are added, never replaced: the footage still lies where other machines know it.
    """
    place = inputs.record(folder)
    if place == record["inputs"] or place in record.get("places", []):
        return
    with contextlib.suppress(PullfocusError), locked(folder):
        record = read_settings(folder)
        record["places"] = [*record.get("places", []), place]
        write_json(folder / "settings.json", record)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process; the system lets go even after a kill -9.

    Raises:
        SolveError: another process works on the folder.
    """
    try:
        import fcntl
    except ImportError:  # no such lock on Windows: two runs on one folder are not caught there
        yield
        return
    try:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise SolveError(f"cannot write in {folder}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(handle, 32, 0).decode(errors="replace").strip()
            raise SolveError(
                f"another pullfocus (process {owner or 'unknown'}) is working on {folder}"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        sweep(folder)
        yield
    finally:
        os.close(handle)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    before, after = _comparable(old), _comparable(new)
    if old["shot"]["fingerprint"] == new["shot"]["fingerprint"]:
        for name in (*PATHS, "mattes"):  # the same footage, wherever it lies
            before[name] = after[name] = None
    for name in sorted(before.keys() | after.keys(), key=lambda n: (n.startswith("contents"), n)):
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)


def _comparable(record: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a record under the names of their options; steps left out."""
    facts: dict[str, Any] = {}
    inputs = record["inputs"]
    if inputs is not None:
        for key in PATHS:
            facts[key] = None if inputs[key] is None else inputs[key]["absolute"]
        facts["mattes"] = [f"{name}={where['absolute']}" for name, where in inputs["mattes"]]
        facts |= {key: inputs[key] for key in OPTIONS}
    shot = record["shot"]
    facts["size"] = f"{shot['width']}x{shot['height']}"
    facts["number of frames"] = len(shot["frames"])
    facts["contents of the footage"] = shot["fingerprint"][:12]
    settings = with_defaults(record["settings"])
    facts |= {key: value for key, value in flat(settings) if key != "steps"}
    return facts


def _contents(shot: Shot) -> dict[str, str]:
    """What each piece of footage holds."""
    held = {"plate": shot.plate.fingerprint()}
    held |= {f"matte {name}": source.fingerprint() for name, source in shot.mattes}
    return held if shot.coc is None else {**held, "coc": shot.coc.fingerprint()}


def _check_same_footage(folder: Path, record: Mapping[str, Any], shot: Shot) -> None:
    was = record["shot"]
    before = (was["width"], was["height"], len(was["frames"]))
    now = (shot.width, shot.height, len(shot.frames))
    if before != now:
        raise PlateError(
            "expected {}x{} with {} frames, as solved in {}, got {}x{} with {} frames in {}".format(
                *before, folder, *now, shot.plate.describe()
            )
        )
    now_held = _contents(shot)
    for what, digest in was.get("contents", {}).items():
        if now_held.get(what) != digest:
            source = shot.plate if what == "plate" else dict(shot.mattes).get(what[6:], shot.coc)
            told = source.describe() if source is not None else what
            raise PlateError(
                f"expected the {what} that was solved in {folder}, got other pictures in {told}; "
                "solve them, or put those back"
            )


def _show(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "not given" if value is None else str(value)
