# SPDX-License-Identifier: Apache-2.0
"""`passes.json`: what a folder of passes holds, written in one step and distrusted when read.

Standard library only, like the contract itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Mapping, Sequence  # noqa: UP035  (hosts run older Pythons)

from pullfocus.errors import PassesError
from pullfocus.passes.contract import (
    COC_UNIT,
    JSON_NAME,
    JSON_VERSION,
    MOTION_UNIT,
    UV_ORIGIN,
    LayerEntry,
    Passes,
    coc_sign,
)
from pullfocus.passes.layer_names import check_layer_names

__all__ = ["check_passes", "read_passes_json", "write_passes_json"]


def check_passes(passes: Passes) -> None:
    """Check that `passes` can be written, before any work is done for it.

    Raises:
        PassesError: it breaks the contract, or JSON cannot hold it.
    """
    _text(passes, where=JSON_NAME)


def _text(passes: Passes, *, where: str) -> str:
    document = _to_document(passes)
    _from_document(document, where=where)
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        text.encode("utf-8")
    except ValueError as error:
        raise PassesError(f"expected what JSON can hold, got: {error} for {where}") from error
    return text


def write_passes_json(path: str | os.PathLike[str], passes: Passes) -> None:
    """Write `passes` to `path` in one atomic step; an earlier file stays whole until then.

    Raises:
        PassesError: `passes` breaks the contract.
        OSError: the folder cannot be written to.
    """
    target = Path(path)
    text = _text(passes, where=str(target))
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files private; passes are shared like any other render.
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def read_passes_json(path: str | os.PathLike[str]) -> Passes:
    """Read `passes.json`; `path` is the file or the folder that holds it.

    Keys that this version does not know are ignored.

    Raises:
        PassesError: missing, not JSON, not ours, from a newer major version, or inconsistent.
    """
    source = Path(path)
    if source.is_dir():
        source = source / JSON_NAME
    try:
        text = source.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PassesError(f"expected passes, got no {source.name} in {source.parent}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PassesError(f"expected readable text in {source}, got: {error}") from error
    try:
        document = json.loads(text)
    except ValueError as error:
        raise PassesError(f"expected JSON in {source}, got: {error}") from error
    return _from_document(document, where=str(source))


def _to_document(passes: Passes) -> dict[str, Any]:
    document: dict[str, Any] = {"format": "pullfocus passes", "version": passes.version}
    document.update((key, value) for key, value in asdict(passes).items() if key != "version")
    document["first_frame"] = passes.frames[0] if passes.frames else None
    document["last_frame"] = passes.frames[-1] if passes.frames else None
    document["units"] = {
        "coc": COC_UNIT,
        "coc_sign": coc_sign(passes.coc_signed),
        "uv_origin": UV_ORIGIN,
        "motion": MOTION_UNIT,
    }
    return document


_TYPES: dict[str, tuple[type, ...]] = {
    "file_pattern": (str,),
    "width": (int,),
    "height": (int,),
    "rate": (str,),
    "colorspace": (str,),
    "pixel_aspect": (int, float),
    "coc_signed": (bool,),
    "plate": (str,),
    "lens_curve": (dict, type(None)),
    "breathing": (dict, type(None)),
    "plate_lens": (dict, type(None)),
    "pullfocus_version": (str,),
    "solve_digest": (str,),
    "solve": (str, type(None)),
    "version": (str,),
    "name": (str,),
    "atlas": (str,),
    "atlas_width": (int,),
    "atlas_height": (int,),
    "complete": (bool,),
}


def _from_document(document: Any, *, where: str) -> Passes:
    if not isinstance(document, dict) or "version" not in document or "layers" not in document:
        raise PassesError(f"expected a pullfocus passes file, got something else in {where}")
    _check_version(document["version"], where=where)
    layers = _list(document, "layers", where=where)
    frames = _list(document, "frames", where=where)
    values = _pick(Passes, document, skip=("layers", "frames"), where=where)
    entries = []
    for index, layer in enumerate(layers):
        if not isinstance(layer, dict):
            raise PassesError(f"expected an object in layers[{index}], got {layer!r} in {where}")
        entries.append(LayerEntry(**_pick(LayerEntry, layer, where=f"layers[{index}] of {where}")))
    if not all(type(frame) is int for frame in frames):
        raise PassesError(f"expected whole frame numbers in frames, got others in {where}")
    passes = Passes(layers=tuple(entries), frames=tuple(frames), **values)
    _check(passes, where=where)
    return passes


def _check_version(version: Any, *, where: str) -> None:
    match = re.match(r"(\d+)(\.\d+)*$", version) if isinstance(version, str) else None
    if match is None:
        raise PassesError(f"expected a version like {JSON_VERSION}, got {version!r} in {where}")
    ours = int(JSON_VERSION.split(".")[0])
    if int(match.group(1)) > ours:
        raise PassesError(
            f"expected passes of version {ours}.x, got {version} in {where}: use a newer pullfocus"
        )


def _list(document: Mapping[str, Any], key: str, *, where: str) -> list[Any]:
    value = document.get(key)
    if not isinstance(value, (list, tuple)) or not value:
        raise PassesError(f"expected a list with entries for {key!r}, got {value!r} in {where}")
    return list(value)


def _pick(
    record: type, document: Mapping[str, Any], *, where: str, skip: Sequence[str] = ()
) -> dict[str, Any]:
    """The keys of `document` that `record` has, type by type; unknown keys fall away."""
    values: dict[str, Any] = {}
    optional = set(dir(record))  # fields with a default are class attributes
    for field in fields(record):
        if field.name in skip:
            continue
        if field.name not in document:
            if field.name in optional:
                continue
            raise PassesError(f"expected the key {field.name!r}, got none in {where}")
        value = document[field.name]
        allowed = _TYPES[field.name]
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            names = " or ".join(kind.__name__ for kind in allowed)
            raise PassesError(f"expected {names} for {field.name!r}, got {value!r} in {where}")
        values[field.name] = value
    return values


def _check(passes: Passes, *, where: str) -> None:
    try:
        check_layer_names(passes.layer_names)
    except PassesError as error:
        raise PassesError(f"{error} in {where}") from None
    for layer in passes.layers:
        _check_file_name(layer.atlas, what=f"atlas of {layer.name}", where=where)
        if layer.atlas_width < 1 or layer.atlas_height < 1:
            raise PassesError(
                f"expected a positive atlas size for {layer.name!r},"
                f" got {layer.atlas_width}x{layer.atlas_height} in {where}"
            )
    for layer in passes.layers:
        if layer.complete != (layer is passes.layers[-1]):
            raise PassesError(
                f"expected the last layer and no other to be complete,"
                f" got complete={layer.complete} for {layer.name!r} in {where}"
            )
    if list(passes.frames) != sorted(set(passes.frames)):
        raise PassesError(f"expected ascending frame numbers, each once, got others in {where}")
    _check_file_name(passes.file_pattern, what="file_pattern", where=where)
    if len(re.findall(r"#+", passes.file_pattern)) != 1:
        raise PassesError(
            f"expected one run of # in file_pattern, got {passes.file_pattern!r} in {where}"
        )
    if passes.width < 1 or passes.height < 1:
        raise PassesError(
            f"expected a positive frame size, got {passes.width}x{passes.height} in {where}"
        )
    if not 0 < passes.pixel_aspect < float("inf"):
        raise PassesError(f"expected a positive pixel_aspect, got {passes.pixel_aspect} in {where}")
    if not re.match(r"[1-9]\d*/[1-9]\d*$", passes.rate):
        raise PassesError(f"expected a rate like 24/1, got {passes.rate!r} in {where}")


def _check_file_name(name: str, *, what: str, where: str) -> None:
    # A name from a file we did not write must not lead out of its folder.
    if not name or re.search(r"[/\\:\0]", name) or name in (".", ".."):
        raise PassesError(f"expected a plain file name for {what}, got {name!r} in {where}")
