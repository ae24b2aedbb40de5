# SPDX-License-Identifier: Apache-2.0
"""Write every knob, dialog and message down: ``python -m nuke_gizmo.reference``.

docs/nuke_reference.md comes from the descriptions and, for messages, from the plug-in's own text.
"""

import ast
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from panel_picture import PICTURE, svg  # noqa: E402 (beside this file)
from pullfocus_nuke import dialogs  # noqa: E402
from pullfocus_nuke.atlas_gizmo import atlas_gizmo  # noqa: E402
from pullfocus_nuke.cg_gizmo import cg_gizmo  # noqa: E402
from pullfocus_nuke.nodes import Expression, Gizmo, Knob  # noqa: E402
from pullfocus_nuke.refocus_gizmo import refocus_gizmo  # noqa: E402

__all__ = ["PAGE", "page"]

PAGE = HERE.parent / "docs" / "nuke_reference.md"
_KINDS = {
    1: "text",
    2: "file",
    3: "whole number",
    4: "choice",
    6: "tick",
    7: "number",
    12: "x, y",
    22: "button",
    41: "link",
}
_TAB, _LABEL = 20, 26
_LAYERS = ("fg", "bg")
_MESSAGES_OF = (
    "solving",
    "following",
    "farming",
    "running",
    "command",
    "writing",
    "importing",
    "passes",
    "focus",
    "painting",
    "exporting",
    "zdefocus_curve",
    "callbacks",
    "blink",
)
_WORDS = 4  # that a text must have to be a message


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _number(value: float) -> str:
    return f"{value:g}"


def _start(knob: Knob) -> str:
    """What stands in a knob at first, as a user sees it."""
    value = knob.default
    if isinstance(value, Expression) or (
        isinstance(value, tuple) and any(isinstance(one, Expression) for one in value)
    ):
        return "driven"
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(_number(one) for one in value if not isinstance(one, Expression))
    return _number(value) if isinstance(value, (int, float)) else str(value)


def _takes(knob: Knob) -> str:
    words = _KINDS[knob.kind]
    if knob.choices:
        return words + ": " + ", ".join(knob.choices)
    if knob.range is not None:
        return "{} {} to {}".format(words, *map(_number, knob.range))
    return words


def _knobs(gizmo: Gizmo) -> "list[str]":
    """Rows of a gizmo's table; what every layer has is there once, with LAYER for its name."""
    rows, section = [], ""
    other = re.compile("(" + "|".join(_LAYERS[1:]) + ")_")
    first = re.compile(rf"\b{_LAYERS[0]}(?=_| )")
    of_layer = False
    for knob in gizmo.knobs:
        if knob.kind in (_TAB, _LABEL):
            title = re.sub("<[^>]*>", "", knob.label or knob.name)
            if knob.opens >= 0 and knob.name and not knob.name.startswith("version"):
                of_layer = title in _LAYERS or any(title.startswith(one + " ") for one in _LAYERS)
                section = "each layer" if of_layer else title
            continue
        if other.match(knob.name):
            continue
        name, label = (first.sub("LAYER", text) for text in (knob.name, knob.label))
        tip = knob.tooltip.replace(f"'{_LAYERS[0]}_", "'LAYER_")
        row = (section, label or name, f"`{name}`", _takes(knob), _start(knob), tip)
        rows.append("| " + " | ".join(map(_cell, row)) + " |")
    head = ["| where | knob | in scripts | takes | at first | what it does |"]
    return [*head, "|---|---|---|---|---|---|", *rows]


def _gizmo(gizmo: Gizmo) -> "list[str]":
    return ["", "### " + gizmo.name, "", *gizmo.help.splitlines(), "", *_knobs(gizmo)]


def _dialogs() -> "list[str]":
    out = []
    shown: dict[tuple, list[str]] = {}
    for dialog in (dialogs.SOLVE, dialogs.FOLLOW, dialogs.FARM, dialogs.PAINT, dialogs.ZDEFOCUS):
        shown.setdefault(dialog.fields, []).append(dialog.title)
    for fields, titles in shown.items():
        out += ["", "**" + "**, **".join(titles) + "**", ""]
        out += ["| field | is | what it means |", "|---|---|---|"]
        for field in fields:
            kind = field.kind
            if field is dialogs.QUALITY:
                kind += ": " + ", ".join(dialogs.QUALITIES)
            out.append(f"| {field.label} | {kind} | {_cell(field.means)} |")
    return out


def _text(node: ast.AST) -> str:
    """A text of the source with ... for what is filled in; nothing if it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{[^}]*\}", "...", node.value)
    if isinstance(node, ast.JoinedStr):
        parts = (v.value if isinstance(v, ast.Constant) else "..." for v in node.values)
        return "".join(map(str, parts))
    return ""


def _messages(module: str) -> "list[str]":
    """Every text of a module that somebody may be shown, in the order of the source."""
    tree = ast.parse((HERE / "pullfocus_nuke" / f"{module}.py").read_text(encoding="utf-8"))
    not_alone = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            not_alone.add(node.value)  # docstrings
        if isinstance(node, ast.JoinedStr):
            not_alone.update(node.values)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "nuke.getFilename":
            not_alone.update(ast.walk(node))
    found = []
    for node in ast.walk(tree):
        text = "" if node in not_alone else " ".join(_text(node).split())
        if len(text.split()) >= _WORDS and re.search("[a-z]{3}", text):
            found.append((node.lineno, text))
    return list(dict.fromkeys(text for _, text in sorted(found)))


def _title(module: str) -> str:
    tree = ast.parse((HERE / "pullfocus_nuke" / f"{module}.py").read_text(encoding="utf-8"))
    return (ast.get_docstring(tree) or "").split("\n")[0].rstrip(".")


def page() -> str:
    """Return the page."""
    lines = [
        "# Every knob, dialog and message in Nuke",
        "",
        "Made by `python -m nuke_gizmo.reference` from what the plug-in itself is made of; how to",
        "work with it says [nuke.md](nuke.md).",
        "",
        "## Knobs",
        "",
        "LAYER stands for each layer of the shot, however many there are. *Driven* is a knob that",
        "an expression or the import fills in.",
        "",
        f"![The panel of PullFocus, drawn from its description]({PICTURE.name})",
        "",
        "(`python -m nuke_gizmo.reference` draws it; Nuke was not there, so sizes and colours are",
        "not its own.)",
    ]
    for gizmo in (refocus_gizmo(_LAYERS), atlas_gizmo(_LAYERS), cg_gizmo()):
        lines += _gizmo(gizmo)
    lines += ["", "## Dialogs", *_dialogs()]
    lines += [
        "",
        "## Messages",
        "",
        "`...` is filled in. All are told in a message box, in a terminal session on a line; what",
        "pullfocus itself says is passed on after `pullfocus:`.",
    ]
    for module in _MESSAGES_OF:
        texts = _messages(module)
        if texts:
            lines += ["", f"**{_title(module)}**", ""]
            lines += [f"- {text}" for text in texts]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page and its picture beside docs/nuke.md."""
    PAGE.write_text(page(), encoding="utf-8")
    PICTURE.write_text(svg(refocus_gizmo(_LAYERS)), encoding="utf-8")
    print(f"wrote docs/{PAGE.name}, docs/{PICTURE.name}")


if __name__ == "__main__":
    main()
