# SPDX-License-Identifier: Apache-2.0
"""The passes contract: names, types and units of every pass, and the `passes.json` beside them.

Standard library only, so that hosts and farms can read it with whatever Python they carry.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from dataclasses import asdict, dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence  # noqa: UP035  (hosts run older Pythons)

from pullfocus.errors import PassesError

__all__ = [
    "JSON_NAME",
    "JSON_VERSION",
    "LayerEntry",
    "PassDefinition",
    "Passes",
    "atlas_channels",
    "atlas_file_name",
    "check_layer_name",
    "check_layer_names",
    "coc_sign",
    "exr_metadata",
    "layer_passes",
    "pass_table",
    "read_passes_json",
    "write_passes_json",
]

JSON_NAME = "passes.json"
JSON_VERSION = "1.0"
COC_UNIT = "px_radius"
UV_ORIGIN = "bottom_left"
MOTION_UNIT = "px_v_up"

_LAYER_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Blender's limit is 64 bytes with the suffix; 48 leaves room for any of ours.
_LAYER_NAME_BYTES = 48
_RESERVED = frozenset(
    ["rgb", "rgba", "alpha", "depth", "coc", "mask", "forward", "backward", "motion", "all", "none"]
)
_DATA_SUFFIXES = ("_uv", "_coc")


class PassDefinition(NamedTuple):
    """One pass of the contract."""

    name: str
    """Layer part of the channel names; "beauty" for the root channels."""
    channels: tuple[str, ...]
    """Full EXR channel names, in the order in which the data is stacked."""
    storage: str
    """"half" or "float"."""
    meaning: str
    unit: str

    @property
    def half(self) -> bool:
        """Whether the channels are stored as 16-bit float."""
        return self.storage == "half"


def check_layer_name(name: str) -> str:
    """Return `name` if hosts can carry it as a layer name.

    Raises:
        PassesError: not `[a-z][a-z0-9_]*`, longer than 48 bytes, reserved, or ending in a data
            suffix (`_uv`, `_coc`).
    """
    if not isinstance(name, str) or not _LAYER_NAME.fullmatch(name):
        raise PassesError(
            f"expected a layer name of a-z, 0-9 and _ that starts with a letter, got {name!r}"
        )
    if len(name) > _LAYER_NAME_BYTES:
        raise PassesError(
            f"expected a layer name of at most {_LAYER_NAME_BYTES} bytes,"
            f" got {len(name)} in {name!r}"
        )
    if name in _RESERVED:
        raise PassesError(
            f"expected a layer name that hosts leave free, got {name!r}"
            f" (reserved: {', '.join(sorted(_RESERVED))})"
        )
    if name.endswith(_DATA_SUFFIXES):
        raise PassesError(f"expected a layer name not ending in _uv or _coc, got {name!r}")
    return name


def check_layer_names(layer_names: Sequence[str]) -> tuple[str, ...]:
    """Return the names as a tuple, front to back.

    Raises:
        PassesError: no layer, a name that is not allowed, or one used twice.
    """
    names = tuple(check_layer_name(name) for name in layer_names)
    if not names:
        raise PassesError("expected at least one layer, got none")
    for index, name in enumerate(names):
        if name in names[:index]:
            raise PassesError(f"expected different layer names, got {name!r} twice")
    return names


def coc_sign(coc_signed: bool) -> str:
    """What `pullfocus/coc_sign` says: "near_negative", or "unsigned" for a plain radius."""
    return "near_negative" if coc_signed else "unsigned"


def _coc_meaning(coc_signed: bool) -> str:
    if coc_signed:
        return "signed radius of the circle of confusion: near negative, far positive"
    return "radius of the circle of confusion, never negative"


def _channels(layer: str, components: str) -> tuple[str, ...]:
    return tuple(f"{layer}.{component}" for component in components)


def layer_passes(
    name: str, *, coc_signed: bool, complete: bool = False
) -> tuple[PassDefinition, PassDefinition, PassDefinition]:
    """The three passes of one layer: premultiplied colour, atlas uv with the matte, COC."""
    check_layer_name(name)
    whole = ", complete (A = 1)" if complete else ""
    return (
        PassDefinition(
            name,
            _channels(name, "RGBA"),
            "half",
            f"layer, premultiplied{whole}",
            "scene-linear",
        ),
        # Float: half precision would misplace a texel by half a pixel in a 4096 atlas.
        # Z: hosts read the third component of a uv pass as its alpha.
        PassDefinition(
            f"{name}_uv",
            _channels(f"{name}_uv", "XYZ"),
            "float",
            "atlas u and v, Z = matte, 0 outside",
            "0..1, origin bottom left, texel centres at (x + .5) / width",
        ),
        PassDefinition(
            f"{name}_coc", _channels(f"{name}_coc", "X"), "float", _coc_meaning(coc_signed), "px"
        ),
    )


def pass_table(
    layer_names: Sequence[str], *, coc_signed: bool, depth: bool = False, motion: bool = True
) -> tuple[PassDefinition, ...]:
    """Every pass of a frame, in the order of the contract.

    Args:
        layer_names: front to back; the last one is complete.
        coc_signed: whether COC carries a sign (near negative) or is a plain radius.
        depth: include `depth.Z`, which only a solve with a fitted lens can give.
        motion: include `forward` and `backward`.

    Raises:
        PassesError: the layer names are not allowed.
    """
    names = check_layer_names(layer_names)
    table = [
        PassDefinition(
            "beauty", tuple("RGBA"), "half", "sharp composite, premultiplied", "scene-linear"
        )
    ]
    for name in names:
        table.extend(layer_passes(name, coc_signed=coc_signed, complete=name == names[-1]))
    table.append(
        PassDefinition(
            "coc", ("coc.X",), "float", f"{_coc_meaning(coc_signed)}; front-most surface", "px"
        )
    )
    table.append(
        PassDefinition("alpha", ("alpha.A",), "half", "first layer's matte, to look at", "0..1")
    )
    if motion:
        for name, target in (("forward", "next"), ("backward", "previous")):
            table.append(
                PassDefinition(
                    name,
                    _channels(name, "uv"),
                    "float",
                    f"motion from this frame to the {target} one",
                    "px, +v up",
                )
            )
    if depth:
        table.append(
            PassDefinition(
                "depth", ("depth.Z",), "float", "depth, not anti-aliased, not premultiplied", "any"
            )
        )
    return tuple(table)


def atlas_channels(*, has_matte: bool = False) -> tuple[str, ...]:
    """Channels of an atlas file, all half: R G B, and A where the matte lives in the atlas."""
    return ("R", "G", "B", "A") if has_matte else ("R", "G", "B")


def atlas_file_name(layer_name: str) -> str:
    """File name of a layer's atlas, beside the frames."""
    return f"atlas_{check_layer_name(layer_name)}.exr"


@dataclass(frozen=True)
class LayerEntry:
    """One layer in `passes.json`."""

    name: str
    atlas: str
    """File name of the atlas, relative to `passes.json`."""
    atlas_width: int
    atlas_height: int
    complete: bool = False
    """True for the last layer: it has content everywhere."""


@dataclass(frozen=True)
class Passes:
    """What `passes.json` says about a folder of passes."""

    layers: tuple[LayerEntry, ...]
    """Front to back."""
    frames: tuple[int, ...]
    """Frame numbers that exist, ascending."""
    file_pattern: str
    """File name of a frame, with a run of # for the zero-padded number: `shot.####.exr`."""
    width: int
    height: int
    rate: str
    """Frames per second as "num/den"."""
    colorspace: str
    """Colour space of every colour channel, scene-linear."""
    pixel_aspect: float = 1.0
    coc_signed: bool = False
    plate: str = ""
    """Where the plate came from, as the user named it."""
    lens_curve: Mapping[str, Any] | None = None
    """The fitted lens, where there is one: focus and aperture by frame."""
    pullfocus_version: str = ""
    solve_digest: str = ""
    """Digest of the settings that the solve ran with."""
    version: str = JSON_VERSION

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Front to back."""
        return tuple(layer.name for layer in self.layers)

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second."""
        return Fraction(self.rate)

    def file_name(self, frame: int) -> str:
        """File name of a frame number."""
        return re.sub(
            r"#+", lambda run: str(frame).zfill(len(run.group())), self.file_pattern, count=1
        )

    def pass_table(self, *, depth: bool = False) -> tuple[PassDefinition, ...]:
        """The passes that each frame of this folder holds."""
        return pass_table(self.layer_names, coc_signed=self.coc_signed, depth=depth)


def exr_metadata(passes: Passes, *, depth_unit: str | None = None) -> dict[str, str | Fraction]:
    """Header attributes of a frame: `pullfocus/…`, `oiio:ColorSpace`, `framesPerSecond`."""
    metadata: dict[str, str | Fraction] = {
        "pullfocus/version": passes.pullfocus_version,
        "pullfocus/coc_sign": coc_sign(passes.coc_signed),
        "pullfocus/coc_unit": COC_UNIT,
        "pullfocus/uv_origin": UV_ORIGIN,
        "oiio:ColorSpace": passes.colorspace,
        "framesPerSecond": passes.frame_rate,
    }
    for layer in passes.layers:
        metadata[f"pullfocus/atlas.{layer.name}"] = layer.atlas
    if depth_unit is not None:
        metadata["pullfocus/depth_unit"] = depth_unit
    return metadata


# --- passes.json -----------------------------------------------------------------------------


def write_passes_json(path: str | os.PathLike[str], passes: Passes) -> None:
    """Write `passes` to `path` in one atomic step; an earlier file stays whole until then.

    Raises:
        PassesError: `passes` breaks the contract.
        OSError: the folder cannot be written to.
    """
    target = Path(path)
    document = _to_document(passes)
    _from_document(document, where=str(target))
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(document, stream, indent=2, ensure_ascii=False)
            stream.write("\n")
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
    "pullfocus_version": (str,),
    "solve_digest": (str,),
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
