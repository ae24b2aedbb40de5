# SPDX-License-Identifier: Apache-2.0
"""What footage itself says of its colours: a curve and primaries, told by tags or a profile."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import PyOpenColorIO as ocio

__all__ = [
    "PRIMARIES",
    "Curve",
    "Tagged",
    "from_chromaticities",
    "from_h273",
    "from_icc",
    "nearest_primaries",
    "to_linear_rec709",
]

Curve = Literal["srgb", "linear", "gamma", "hlg", "pq", "profile", "unread", "untold"]

_D65 = (0.3127, 0.3290)
_ACES_WHITE = (0.32168, 0.33767)
PRIMARIES: dict[str, tuple[float, ...]] = {
    "Rec.709": (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *_D65),
    "P3-D65": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *_D65),
    "Rec.2020": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *_D65),
    "Adobe RGB": (0.640, 0.330, 0.210, 0.710, 0.150, 0.060, *_D65),
    "AP1": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *_ACES_WHITE),
    "AP0": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, *_ACES_WHITE),
    "DCI-P3": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    "BT.470 M": (0.670, 0.330, 0.210, 0.710, 0.140, 0.080, 0.310, 0.316),
    "generic film": (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316),
}
"""CIE 1931 x, y of red, green, blue and white."""

_SPACES: dict[tuple[str, str], str] = {
    ("srgb", "Rec.709"): "srgb_texture",
    ("srgb", "P3-D65"): "srgb_displayp3",
    ("srgb", "AP1"): "srgb_ap1",
    ("gamma", "Adobe RGB"): "adobergb",
    ("linear", "Rec.709"): "lin_rec709_srgb",
    ("linear", "P3-D65"): "lin_p3d65",
    ("linear", "Rec.2020"): "lin_rec2020",
    ("linear", "Adobe RGB"): "lin_adobergb",
    ("linear", "AP1"): "ACEScg",
    ("linear", "AP0"): "aces2065_1",
}
"""OCIO names of what has one; everything else is put together from curve and matrix."""

_HDR_WHITE_NITS = 203.0
_SYSTEM_GAMMA = 1.2
_HLG_WHITE = 0.75
"""BT.2408: diffuse white lies at 203 cd/m2, which is 75 % HLG and 58 % PQ; the system gamma of a
1000 cd/m2 display, by which light of the scene becomes light of the display, is 1.2."""

_H273_PRIMARIES = {
    4: "BT.470 M",
    8: "generic film",
    9: "Rec.2020",
    11: "DCI-P3",
    12: "P3-D65",
}
"""ITU-T H.273 colour primaries. Those of standard definition (5, 6, 7, 22) differ from Rec.709 by
less than players care for, and are taken as it."""
_H273_CURVES: dict[int, tuple[Curve, float, str]] = {
    4: ("gamma", 2.2, "gamma 2.2"),
    5: ("gamma", 2.8, "gamma 2.8"),
    8: ("linear", 1.0, "linear"),
    16: ("pq", 1.0, "PQ (SMPTE ST 2084)"),
    18: ("hlg", 1.0, "HLG (ARIB STD-B67)"),
}
_H273_UNKNOWN = {9: "logarithmic 100:1", 10: "logarithmic 316:1", 17: "SMPTE ST 428-1 (DCDM)"}


@dataclass(frozen=True, kw_only=True)
class Tagged:
    """Curve and primaries of code values, and who said so."""

    said: str
    """For messages: "ICC profile 'Display P3'", "tagged Rec.2020, PQ"."""
    curve: Curve
    """unread: a profile that cannot be followed; untold: a curve that the user must name."""
    primaries: tuple[float, ...] = PRIMARIES["Rec.709"]
    """x, y of red, green, blue, white; unused by a profile."""
    gamma: float = 1.0
    profile: bytes = field(default=b"", repr=False)
    """An ICC profile, for the curve "profile"."""

    @property
    def space(self) -> str | None:
        """The OCIO name or alias of just this, where there is one."""
        if self.curve == "gamma" and abs(self.gamma - 2.2) > 0.01:
            return None
        return _SPACES.get((self.curve, nearest_primaries(self.primaries) or ""))

    def __str__(self) -> str:
        """What it is, for messages and fingerprints."""
        curves = {
            "srgb": "sRGB curve",
            "linear": "linear",
            "gamma": f"gamma {self.gamma:.4g}",
            "hlg": "HLG",
            "pq": "PQ",
        }
        if self.curve not in curves:
            return self.said
        named = nearest_primaries(self.primaries)
        wide = named or "primaries " + " ".join(f"{value:.4g}" for value in self.primaries)
        return f"{curves[self.curve]}, {wide}"


def nearest_primaries(values: tuple[float, ...]) -> str | None:
    """The name of known primaries that agree with x, y of red, green, blue, white to 0.002."""
    for name, known in PRIMARIES.items():
        if all(abs(a - b) < 0.002 for a, b in zip(values, known, strict=True)):
            return name
    return None


def from_h273(primaries: int, transfer: int, *, said: str = "tagged") -> Tagged | None:
    """Read ITU-T H.273 numbers, as movies and PNG's cICP carry them; None where all is usual.

    The curves of standard dynamic range (BT.709, BT.601, BT.2020, sRGB) are one to players: code
    values go to the screen as they are, which is what the sRGB curve undoes.
    """
    wide = _H273_PRIMARIES.get(primaries, "Rec.709")
    curve: Curve
    curve, gamma, words = _H273_CURVES.get(transfer, ("srgb", 1.0, "SDR curve"))
    if transfer in _H273_UNKNOWN or primaries == 10:
        words = _H273_UNKNOWN.get(transfer, "CIE XYZ")
        return Tagged(said=f"{said} {words}", curve="untold")
    if curve == "srgb" and wide == "Rec.709":
        return None
    return Tagged(
        said=f"{said} {wide}, {words}", curve=curve, primaries=PRIMARIES[wide], gamma=gamma
    )


def from_chromaticities(values: tuple[float, ...], *, said: str, curve: Curve = "linear") -> Tagged:
    """Read x, y of red, green, blue and white, as OpenEXR's ``chromaticities`` lists them."""
    named = nearest_primaries(values)
    return Tagged(said=said, curve=curve, primaries=PRIMARIES[named] if named else values)


@lru_cache(maxsize=16)
def from_icc(profile: bytes, description: str) -> Tagged:
    """Read an ICC profile: one of the known spaces, a matrix with curves, or unread.

    What is within 0.4 % of light of a known space is that space.
    """
    said = f"ICC profile '{description.strip() or 'without a name'}'"
    told = _icc_cicp(profile)
    if told is not None:
        numbers = from_h273(*told, said=f"{said}, tagged")
        return numbers or Tagged(said=said, curve="srgb")
    tagged = Tagged(said=said, curve="profile", profile=profile)
    try:
        convert = to_linear_rec709(tagged)
    except _NotRead:
        return Tagged(said=said, curve="unread")
    steps = np.linspace(0, 1, 5, dtype=np.float32)
    codes = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    light = convert(codes)
    for curve, primaries in _SPACES:
        if primaries == "AP0" or curve not in ("srgb", "gamma", "linear"):
            continue
        known = Tagged(
            said=said,
            curve=curve,  # type: ignore[arg-type]
            primaries=PRIMARIES[primaries],
            gamma=2.2 if curve == "gamma" else 1.0,
        )
        if float(np.abs(to_linear_rec709(known)(codes) - light).max()) < 0.004:
            return known
    return tagged


def _with_plain_curves(profile: bytes) -> bytes:
    """Curves without entries, which mean the identity, as gamma 1: OpenColorIO wants it so."""
    out = bytearray(profile)
    count = int.from_bytes(profile[128:132], "big")
    for at in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        start = int.from_bytes(profile[at + 4 : at + 8], "big")
        if profile[start : start + 12] == b"curv" + bytes(8):
            out[at + 4 : at + 12] = len(out).to_bytes(4, "big") + (14).to_bytes(4, "big")
            out += b"curv" + bytes(4) + (1).to_bytes(4, "big") + b"\1\0\0\0"
    out[:4] = len(out).to_bytes(4, "big")
    return bytes(out)


def _icc_cicp(profile: bytes) -> tuple[int, int] | None:
    """The H.273 numbers of a profile's ``cicp`` tag (ICC.1:2022, 9.2.17)."""
    count = int.from_bytes(profile[128:132], "big")
    for at in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        if profile[at : at + 4] == b"cicp":
            start = int.from_bytes(profile[at + 4 : at + 8], "big")
            if profile[start : start + 4] == b"cicp" and start + 10 <= len(profile):
                return profile[start + 8], profile[start + 9]
    return None


class _NotRead(Exception):
    """OpenColorIO does not follow this profile."""


def to_linear_rec709(tagged: Tagged) -> Callable[[np.ndarray], np.ndarray]:
    """A function that takes (H, W, 3) float32 codes to linear light, Rec.709 primaries, D65.

    HLG and PQ become light of the scene by the system gamma of BT.2100, diffuse white at 1 and an
    18 % grey card at 0.18 (BT.2408). Nothing is clipped: wide colours go negative.
    """
    import PyOpenColorIO as ocio

    steps: list[Any] = []
    if tagged.curve == "profile":
        return _applied(_icc_processor(tagged.profile))
    if tagged.curve == "srgb":
        steps.append(
            ocio.ExponentWithLinearTransform(
                gamma=[2.4, 2.4, 2.4, 1.0],
                offset=[0.055, 0.055, 0.055, 0.0],
                negativeStyle=ocio.NEGATIVE_MIRROR,
            )
        )
    elif tagged.curve == "gamma":
        gamma = tagged.gamma
        steps.append(ocio.ExponentTransform([gamma, gamma, gamma, 1.0], ocio.NEGATIVE_MIRROR))
    elif tagged.curve == "hlg":
        white = _value_at("CURVE - HLG-OETF-INVERSE", _HLG_WHITE)
        steps += [ocio.BuiltinTransform("CURVE - HLG-OETF-INVERSE"), _scaled(1 / white)]
    elif tagged.curve == "pq":
        steps += [
            ocio.BuiltinTransform("CURVE - ST-2084_to_LINEAR"),  # 1 is 100 cd/m2
            _scaled(100 / _HDR_WHITE_NITS),
            ocio.FixedFunctionTransform(ocio.FIXED_FUNCTION_REC2100_SURROUND, [1 / _SYSTEM_GAMMA]),
        ]
    steps.append(_matrix(_to_rec709(tagged.primaries)))
    processor = ocio.Config.CreateRaw().getProcessor(ocio.GroupTransform(steps))
    return _applied(processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS))


def _applied(processor: Any) -> Callable[[np.ndarray], np.ndarray]:
    def apply(pixels: np.ndarray) -> np.ndarray:
        converted = np.array(pixels, np.float32, order="C")
        processor.applyRGB(converted)
        return converted

    return apply


def _value_at(builtin: str, code: float) -> float:
    import PyOpenColorIO as ocio

    processor = ocio.Config.CreateRaw().getProcessor(ocio.BuiltinTransform(builtin))
    return float(processor.getDefaultCPUProcessor().applyRGB([code] * 3)[0])


def _scaled(factor: float) -> "ocio.MatrixTransform":
    return _matrix(np.eye(3) * factor)


def _matrix(matrix: np.ndarray) -> "ocio.MatrixTransform":
    import PyOpenColorIO as ocio

    whole = np.eye(4)
    whole[:3, :3] = matrix
    return ocio.MatrixTransform(whole.ravel().tolist())


def _to_rec709(primaries: tuple[float, ...]) -> np.ndarray:
    """RGB of these primaries to RGB of Rec.709, whites adapted (Bradford): (3, 3)."""
    target = PRIMARIES["Rec.709"]
    adapted = _adaptation(primaries[6:], target[6:]) @ _to_xyz(primaries)
    return np.asarray(np.linalg.solve(_to_xyz(target), adapted))


def _to_xyz(primaries: tuple[float, ...]) -> np.ndarray:
    """RGB to CIE XYZ, white at Y = 1 (SMPTE RP 177)."""
    columns = np.array([_xyz(*primaries[i : i + 2]) for i in (0, 2, 4)]).T
    return np.asarray(columns * np.linalg.solve(columns, _xyz(*primaries[6:])))


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)


def _adaptation(source: tuple[float, ...], target: tuple[float, ...]) -> np.ndarray:
    gains = (_BRADFORD @ _xyz(*target)) / (_BRADFORD @ _xyz(*source))
    return np.asarray(np.linalg.solve(_BRADFORD, gains[:, None] * _BRADFORD))


@lru_cache(maxsize=8)
def _icc_processor(profile: bytes) -> Any:
    """Device codes to linear Rec.709: OpenColorIO reads matrices with curves, no tables."""
    import PyOpenColorIO as ocio

    handle, name = tempfile.mkstemp(suffix=".icc")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_with_plain_curves(profile))
        to_d65 = ocio.FileTransform(name, direction=ocio.TRANSFORM_DIR_INVERSE)
        to_rgb = _matrix(np.linalg.inv(_to_xyz(PRIMARIES["Rec.709"])))
        group = ocio.GroupTransform([to_d65, to_rgb])
        processor = ocio.Config.CreateRaw().getProcessor(group)
        return processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS)
    except ocio.Exception as error:
        raise _NotRead(str(error)) from error
    finally:
        Path(name).unlink(missing_ok=True)
