# SPDX-License-Identifier: Apache-2.0
"""Draws a gizmo's panel from its description, tabs and foldable groups one below the other.

Nuke lays panels out by itself: order, labels, lines that are shared and what stands in each knob
are the description's, sizes and colours are not Nuke's.
"""

import re
from pathlib import Path
from xml.sax.saxutils import escape

from pullfocus_nuke.nodes import Expression, Gizmo, Knob

__all__ = ["PICTURE", "svg"]

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "nuke_panel.svg"
_WIDE, _LINE, _LABELS, _EDGE = 620, 24, 130, 12
_LETTER = 6.2  # px that a letter takes, about
_TAB, _LABEL, _TICK, _BUTTON, _NUMBER, _PAIR = 20, 26, 6, 22, 7, 12


def _shown(knob: Knob) -> str:
    value = knob.default
    if isinstance(value, tuple):
        return ", ".join("=" if isinstance(one, Expression) else f"{one:g}" for one in value)
    if isinstance(value, Expression):
        return "="
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def _text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y + 16:.0f}"{more}>{escape(words)}</text>'


def _box(x: float, y: float, wide: float, colour: str) -> str:
    return (
        f'<rect x="{x:.0f}" y="{y + 3:.0f}" width="{wide:.0f}" height="18" rx="3" fill="{colour}"/>'
    )


def _widget(knob: Knob, x: float, y: float, shares: bool) -> "tuple[list[str], float]":
    """Return a knob drawn from x on, without a label before it, and where it ends."""
    if knob.kind == _BUTTON:
        wide = _LETTER * len(knob.label) + 20
        middle = _text(x + wide / 2, y, knob.label, ' text-anchor="middle"')
        return [_box(x, y, wide, "#6a6a6a"), middle], x + wide
    if knob.kind == _TICK:
        mark = [_text(x + 4, y, "x")] if knob.default else []
        label = _text(x + 24, y, knob.label)
        return [_box(x, y, 18, "#2c2c2c"), *mark, label], x + 24 + _LETTER * len(knob.label)
    words = _shown(knob)
    if knob.choices:
        wide = _LETTER * max(map(len, knob.choices)) + 30
        return [_box(x, y, wide, "#555"), _text(x + 8, y, words + "  v")], x + wide
    wide = 70.0 if knob.kind in (3, _NUMBER) else 110.0 if knob.kind == _PAIR else 260.0
    out = [_box(x, y, wide, "#2c2c2c"), _text(x + 6, y, words)]
    if knob.kind == _NUMBER and knob.range and not shares:
        low, high = knob.range
        start, end = x + wide + 14, float(_WIDE - _EDGE - 20)
        out.append(f'<path d="M{start:.0f},{y + 12:.0f} H{end:.0f}" stroke="#888"/>')
        if isinstance(knob.default, (int, float)):
            at = start + (end - start) * (knob.default - low) / (high - low)
            out.append(_box(at - 3, y, 6, "#aaa"))
    return out, x + wide


def _begins(knob: Knob, before: "Knob | None") -> bool:
    """Whether a knob starts a line of its own."""
    if "-STARTLINE" in knob.flags:
        return before is None
    return "+STARTLINE" in knob.flags or knob.kind not in (_BUTTON, _TICK) or before is None


def svg(gizmo: Gizmo) -> str:
    """Return the picture."""
    drawn, y, x, depth = [], float(_EDGE) - _LINE, 0.0, 0
    before = None
    for index, knob in enumerate(gizmo.knobs):
        after = gizmo.knobs[index + 1] if index + 1 < len(gizmo.knobs) else None
        shares = after is not None and not _begins(after, knob)
        title = re.sub("<[^>]*>", "", knob.label or knob.text or knob.name)
        if knob.kind in (_TAB, _LABEL):
            depth += knob.opens
            if knob.opens >= 0:
                y += _LINE
                if knob.kind == _TAB and not knob.opens:
                    drawn.append(_box(_EDGE, y, _WIDE - 2 * _EDGE, "#4c6e8c"))
                fold = "v " if knob.opens else ""
                drawn.append(_text(_EDGE + 8, y, fold + title, ' font-weight="bold"'))
            before = None
            continue
        inset = 10 * depth
        if _begins(knob, before):
            y, x = y + _LINE, float(_LABELS + _EDGE + inset)
            if knob.kind not in (_BUTTON, _TICK):
                drawn.append(_text(x - 8, y, knob.label, ' text-anchor="end"'))
        elif knob.kind not in (_BUTTON, _TICK):
            x += 14
            drawn.append(_text(x, y, knob.label))
            x += _LETTER * len(knob.label) + 8
        else:
            x += 14
        parts, x = _widget(knob, x, y, shares)
        drawn += parts
        before = knob
    height = y + _LINE + _EDGE
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {height:.0f}">',
            "<!-- SPDX-License-Identifier: Apache-2.0; python -m nuke_gizmo.reference -->",
            "<style>text{font:11px sans-serif;fill:#ddd;white-space:pre}</style>",
            '<rect width="100%" height="100%" fill="#3c3c3c"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )
