# SPDX-License-Identifier: Apache-2.0
"""Draw the node graph of PullFocus from its description: ``python -m nuke_gizmo.diagram``."""

import sys
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from pullfocus_nuke.nodes import Gizmo, Node  # noqa: E402 (beside this file)
from pullfocus_nuke.refocus_gizmo import refocus_gizmo  # noqa: E402

PICTURE = HERE.parent / "docs" / "nuke_pullfocus.svg"
STEP_X, STEP_Y, WIDE, HIGH, MARGIN = 132, 46, 112, 24, 16
_COLOURS = {
    "Input": "#d9d9d9",
    "Output": "#d9d9d9",
    "Read": "#e8c98b",
    "Shuffle2": "#c3a6d8",
    "Copy": "#c3a6d8",
    "Expression": "#9fc3e0",
    "STMap": "#d8a6b8",
    "Crop": "#d8a6b8",
    "Merge2": "#a6d0a8",
    "Premult": "#a6d0a8",
    "Switch": "#eee3a0",
    "ZDefocus2": "#e39a86",
    "BlinkScript": "#e0705a",
}


def _laid_out(gizmo: Gizmo) -> "dict[str, tuple[float, float]]":
    """Return the middle of each node, px; rows that are empty fall away, none overlap."""
    rows = sorted({node.at[1] for node in gizmo.nodes})
    left = min(node.at[0] for node in gizmo.nodes)
    return {
        node.name: (
            MARGIN + (node.at[0] - left) * STEP_X + WIDE / 2,
            MARGIN + rows.index(node.at[1]) * STEP_Y + HIGH / 2,
        )
        for node in gizmo.nodes
    }


def _wire(start: "tuple[float, float]", end: "tuple[float, float]", index: int, of: int) -> str:
    """Return one wire, bent so that it leaves downwards and arrives from above."""
    x0, y0 = start[0], start[1] + HIGH / 2
    x1, y1 = end[0] + (index - (of - 1) / 2) * 14, end[1] - HIGH / 2
    bend = max(14.0, min(60.0, abs(y1 - y0) / 2))
    far = ' class="far"' if abs(y1 - y0) > 4 * STEP_Y else ""
    return (
        f'<path{far} d="M{x0:.0f},{y0:.0f} C{x0:.0f},{y0 + bend:.0f} {x1:.0f},{y1 - bend:.0f} '
        f'{x1:.0f},{y1:.0f}"/>'
    )


def _box(node: Node, middle: "tuple[float, float]") -> str:
    x, y = middle[0] - WIDE / 2, middle[1] - HIGH / 2
    round_off = 12 if node.kind in ("Input", "Output") else 3
    return (
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{WIDE}" height="{HIGH}" rx="{round_off}" '
        f'fill="{_COLOURS[node.kind]}"><title>{escape(node.kind)}</title></rect>'
        f'<text x="{middle[0]:.0f}" y="{middle[1] - 1:.0f}">{escape(node.name)}</text>'
        f'<text class="kind" x="{middle[0]:.0f}" y="{middle[1] + 9:.0f}">{escape(node.kind)}</text>'
    )


def svg(gizmo: Gizmo) -> str:
    """Return the picture."""
    places = _laid_out(gizmo)
    width = max(x for x, _ in places.values()) + WIDE / 2 + MARGIN
    height = max(y for _, y in places.values()) + HIGH / 2 + MARGIN
    wires = [
        _wire(places[source], places[node.name], index, len(node.inputs))
        for node in gizmo.nodes
        for index, source in enumerate(node.inputs)
        if source is not None
    ]
    wires.sort(key=lambda wire: "far" not in wire)  # short ones on top
    boxes = [_box(node, places[node.name]) for node in gizmo.nodes]
    style = (
        "text{font:10px sans-serif;text-anchor:middle;fill:#222}.kind{font-size:7px;fill:#555}"
        "path{fill:none;stroke:#666;stroke-width:1.2}.far{stroke:#bbb;stroke-width:.8}rect{stroke:#555;stroke-width:.6}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}">',
            "<!-- SPDX-License-Identifier: Apache-2.0; python -m nuke_gizmo.diagram -->",
            f"<style>{style}</style>",
            '<rect width="100%" height="100%" fill="#fbfbf9" stroke="none"/>',
            *wires,
            *boxes,
            "</svg>",
            "",
        ]
    )


def main() -> None:
    """Write the picture that docs/nuke.md shows."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg(refocus_gizmo()), encoding="ascii")
    print(f"wrote docs/{PICTURE.name}")


if __name__ == "__main__":
    main()
