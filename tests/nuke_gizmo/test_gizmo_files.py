# SPDX-License-Identifier: Apache-2.0
"""The shipped .gizmo files: current, read by a real Tcl interpreter as described, sound."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import nuke_script
import pytest
from fake_knobs import NODE_KNOBS
from nuke_expression import names, tokens
from nuke_script import ScriptNode, evaluated
from pullfocus_nuke.atlas_gizmo import atlas_gizmo
from pullfocus_nuke.cg_gizmo import cg_gizmo
from pullfocus_nuke.errors import GizmoError
from pullfocus_nuke.gizmo_files import gizmo_files
from pullfocus_nuke.nodes import Expression, Gizmo, Knob, Node, escaped, gizmo_text
from pullfocus_nuke.refocus_gizmo import refocus_gizmo

FOLDER = Path(__file__).parents[2] / "nuke_gizmo"
KNOB_KINDS = {"1", "2", "3", "4", "6", "7", "12", "20", "22", "26", "41"}
GIZMOS = {
    "PullFocus": refocus_gizmo(),
    "PullFocusAtlas": atlas_gizmo(),
    "PullFocusLens": cg_gizmo(),
    "one layer": refocus_gizmo(["all_of_it"]),
    "four layers": refocus_gizmo(["hand", "face", "wall_2", "sky"]),
    "atlas of three": atlas_gizmo(["a", "b", "c"]),
}
SHIPPED = ["PullFocus", "PullFocusAtlas", "PullFocusLens"]
BUILT_IN = {"r", "g", "b", "a", "x", "y", "frame", "width", "height", "pi"}

every = pytest.mark.parametrize("gizmo", GIZMOS.values(), ids=GIZMOS.keys())


@pytest.fixture(autouse=True)
def with_tcl(tcl: str) -> None:
    """Skips, with the reason, where no Tcl interpreter is."""


def built(gizmo: Gizmo) -> ScriptNode:
    top, faults = evaluated(gizmo_text(gizmo))
    assert faults == []
    (group,) = top.values()
    return group


def test_the_files_are_those_of_the_descriptions() -> None:
    files = gizmo_files()
    assert {path.name for path in (FOLDER / "gizmos").iterdir()} == set(files)
    for name, text in files.items():
        assert (FOLDER / "gizmos" / name).read_text() == text, "run python -m nuke_gizmo.build"
        assert text.count("\nGroup {\n") == 1
        assert f" name {name.removesuffix('.gizmo')}\n" in text


def test_the_picture_is_that_of_the_description() -> None:
    from nuke_gizmo.diagram import PICTURE, svg

    assert PICTURE.read_text() == svg(refocus_gizmo()), "run python -m nuke_gizmo.diagram"


@every
def test_tcl_reads_the_graph_that_was_described(gizmo: Gizmo) -> None:
    group = built(gizmo)
    assert list(group.nodes) == [node.name for node in gizmo.nodes]
    for node in gizmo.nodes:
        read = group.nodes[node.name]
        assert (read.kind, read.mask) == (node.kind, node.mask)
        assert read.inputs == list(node.inputs), node.name
        written = {key for key, _ in node.knobs}
        assert set(read.knobs) - {"xpos", "ypos"} == written
        for key, value in node.knobs:
            if isinstance(value, str):
                assert read.knobs[key] == value, (node.name, key)
            elif isinstance(value, Expression):
                assert read.knobs[key] == "{" + value.text + "}"
    assert [words[1] for words in group.user_knobs] == [knob.name for knob in gizmo.knobs]
    assert group.knobs["help"] == gizmo.help
    assert group.knobs.get("onCreate", "") == gizmo.on_create


@every
def test_every_node_and_knob_is_one_that_nuke_has(gizmo: Gizmo) -> None:
    for node in gizmo.nodes:
        unknown = {key for key, _ in node.knobs} - NODE_KNOBS[node.kind]
        assert not unknown, f"{node.name}: {unknown}"


@every
def test_knobs_are_of_known_kinds_and_say_what_they_do(gizmo: Gizmo) -> None:
    group = built(gizmo)
    for words in group.user_knobs:
        assert words[0] in KNOB_KINDS, words
        if words[0] not in {"20", "26", "41"}:
            assert "t" in words, f"{words[1]} has no tooltip"
            assert len(words[words.index("t") + 1]) > 2
        assert re.fullmatch(r"[A-Za-z]\w*", words[1]), words[1]
        assert words[1] not in NODE_KNOBS["Group"], f"{words[1]} is a knob of every node"
    folds = [knob.opens for knob in gizmo.knobs]
    assert sum(folds) == 0
    assert min(sum(folds[: i + 1]) for i in range(len(folds))) == 0


@every
def test_links_and_expressions_lead_somewhere(gizmo: Gizmo) -> None:
    panel = {knob.name for knob in gizmo.knobs}
    inside = {node.name: node for node in gizmo.nodes}
    for knob in gizmo.knobs:
        if knob.kind == 41:
            node, target = knob.text.split(".")
            assert target in NODE_KNOBS[inside[node].kind]
        if isinstance(knob.default, Expression):
            assert names(knob.default.text) <= panel
    channels = {word for layer in gizmo.layers for word in layer.split()[1:]}
    for node in gizmo.nodes:
        own = {value for key, value in node.knobs if key.startswith("temp_name")}
        for key, value in node.knobs:
            texts = []
            if isinstance(value, Expression):
                texts = [value.text]
            elif isinstance(value, tuple):
                texts = [one.text for one in value if isinstance(one, Expression)]
            elif node.kind == "Expression" and "expr" in key:
                texts = [value]
            for text in texts:
                for name in names(text):
                    if name.startswith("parent."):
                        parts = name.split(".")
                        assert parts[1] in panel, f"{node.name}.{key}: {name}"
                    elif node.kind == "Expression":
                        assert name in BUILT_IN | own | channels, f"{node.name}.{key}: {name}"
                    else:
                        raise AssertionError(f"{node.name}.{key}: {name}")
        for knob_text in re.findall(r"\[value parent\.(\w+)\]", str(node.knobs)):
            assert knob_text in panel


@every
def test_inputs_are_numbered_without_gaps_and_used(gizmo: Gizmo) -> None:
    arrows = [node for node in gizmo.nodes if node.kind == "Input"]
    numbers = [dict(node.knobs).get("number", 0) for node in arrows]
    assert sorted(numbers) == list(range(len(arrows)))
    used = {name for node in gizmo.nodes for name in node.inputs}
    left = [node.name for node in gizmo.nodes if node.name not in used and node.kind != "Output"]
    assert left == []
    assert [node.kind for node in gizmo.nodes].count("Output") == 1


@every
def test_no_node_lies_on_another(gizmo: Gizmo) -> None:
    places = [node.at for node in gizmo.nodes]
    assert len(set(places)) == len(places), [p for p in places if places.count(p) > 1]


@every
def test_code_in_knobs_is_python_3_7(gizmo: Gizmo) -> None:
    codes = [gizmo.on_create, gizmo.knob_changed]
    codes += [knob.text for knob in gizmo.knobs if knob.kind == 22]
    for code in codes:
        ast.parse(code, feature_version=(3, 7))


@every
def test_text_is_ascii_without_tabs(gizmo: Gizmo) -> None:
    text = gizmo_text(gizmo)
    assert text.isascii()
    assert "\t" not in text
    for line in text.splitlines():  # nothing that Tcl would run or fill in by itself
        assert not re.search(r"(?<!\\)\[(?!stack 0\])", line), line[:120]


def test_code_that_nuke_imports_is_python_3_7_and_needs_nothing_else() -> None:
    allowed = {"nuke", "pullfocus_nuke", "__future__"}
    standard = set(__import__("sys").stdlib_module_names)
    ours = ("build.py", "diagram.py", "panel_picture.py", "reference.py")  # Nuke imports none
    files = [path for path in FOLDER.rglob("*.py") if path.name not in ours]
    assert len(files) > 10
    for path in files:
        tree = ast.parse(path.read_text(), feature_version=(3, 7))
        for node in ast.walk(tree):
            found = []
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                found = [node.module]
            for name in found:
                assert name.split(".")[0] in allowed | standard, f"{path.name}: {name}"


def test_the_oldest_python_makes_the_same_files() -> None:
    python = shutil.which("python3.7")
    probe = [python, "-c", "import sys; assert sys.version_info[:2] == (3, 7)"] if python else []
    if not python or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("no Python 3.7, that of Nuke 13, is here")
    code = (
        "import sys, types; sys.path.insert(0, sys.argv[1]); "
        "sys.modules['nuke'] = types.ModuleType('nuke'); "
        "from pullfocus_nuke import callbacks, exporting, painting, solving; "
        "from pullfocus_nuke.gizmo_files import gizmo_files; "
        "print(''.join(gizmo_files().values()), end='')"
    )
    made = subprocess.run(
        [python, "-c", code, str(FOLDER)], capture_output=True, text=True, check=True
    )
    assert made.stdout == "".join(gizmo_files().values())


def test_files_begin_with_their_licence() -> None:
    for path in FOLDER.rglob("*"):
        if path.suffix in {".py", ".blink", ".gizmo"}:
            assert "SPDX-License-Identifier: Apache-2.0" in path.read_text().splitlines()[0], path


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('a "b" [c] $d {e} \\ f', r"a \"b\" \[c\] \$d \{e\} \\ f"),
        ("two\nlines", r"two\nlines"),
    ],
)
def test_text_is_escaped(text: str, word: str) -> None:
    assert escaped(text) == word
    group = built(broken(help=text, knobs=(Knob(1, "k", "l", text),)))
    assert group.knobs["help"] == text
    assert group.user_knobs[0][-1] == text


def broken(**changes) -> Gizmo:
    parts = {
        "name": "g",
        "help": "",
        "knobs": (Knob(7, "k"),),
        "nodes": (Node("Input", "i"), Node("Output", "o", ("i",))),
    }
    return Gizmo(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nodes": (Node("Output", "o", ("i",)), Node("Input", "i"))}, "comes later"),
        ({"nodes": (Node("Input", "i"),)}, "one Output"),
        ({"nodes": (Node("Input", "i"), Node("Output", "i", ("i",)))}, "two nodes"),
        ({"knobs": (Knob(7, "k"), Knob(7, "k"))}, "two knobs"),
        ({"help": "na\u00efve"}, "ASCII"),
        ({"knobs": (Knob(7, "k", default=Expression("a b")),)}, "without spaces"),
    ],
)
def test_a_faulty_description_is_refused(changes, says) -> None:
    with pytest.raises(GizmoError, match=says):
        gizmo_text(broken(**changes))


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("Group {\n name g\n}\n Output {\n  name o\n }\nend_group\n", "empty stack"),
        ("Group {\n name g\n}\n", "not ended"),
        ("end_group\n", "without a group"),
        ("Group {\n name\n}\nend_group\n", "odd number"),
    ],
)
def test_the_evaluator_notices_faults(script: str, fault: str) -> None:
    assert fault in " ".join(evaluated(script)[1])


@pytest.mark.parametrize("kind", ["tclsh", "python"])
def test_both_tcl_interpreters_read_alike(monkeypatch, kind: str) -> None:
    if kind == "tclsh" and shutil.which("tclsh") is None:
        pytest.skip("no tclsh")
    if kind == "python":
        pytest.importorskip("tkinter")
    text = gizmo_text(GIZMOS["PullFocusLens"])
    expected = evaluated(text)
    monkeypatch.setattr(nuke_script, "tcl", lambda: kind)
    assert evaluated(text) == expected


def test_expressions_are_read_to_their_end() -> None:
    assert [value for _, value in tokens("a<=0.5?b.c:-1e3")] == [
        "a",
        "<=",
        "0.5",
        "?",
        "b.c",
        ":",
        "-",
        "1e3",
    ]
