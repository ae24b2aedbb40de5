# SPDX-License-Identifier: Apache-2.0
"""Pages name what is there; and the check that says so finds what is not."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "docs" / "check.py"
spec = importlib.util.spec_from_file_location("docs_check", SOURCE)
check = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = check  # dataclasses look their module up
spec.loader.exec_module(check)


@pytest.fixture(scope="module")
def known():
    return check.house()


def test_what_the_pages_name_is_there(known):
    assert check.all_wrong(known) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[gone](docs/gone.md)", "no such file"),
        ("[gone](README.md#nowhere)", "no such heading"),
        ("![a picture](docs/gallery.jpg)\n\nIt is pretty.", "neither a command nor a date"),
        ("    pullfocus sharpen x.exr", "no verb sharpen"),
        (
            "    pullfocus solve x.exr \\\n        --out y --wonders 3",
            "solve has no option --wonders",
        ),
        ("```\npullfocus flow X.solve --focus fg\n```", "flow has no option --focus"),
        ("`bake --no-lens` does", "bake has no option --no-lens"),
        ("run `make coffee`", "no target coffee"),
        ("`python benchmarks/gone.py X`", "no file benchmarks/gone.py"),
        ("`python\nbenchmarks/solve_table.py CLIP --rowz draft`", "has no option --rowz"),
        ("`python -m nuke_gizmo.gone`", "no file nuke_gizmo/gone.py"),
        ("with `--wonders 3`", "nothing has an option --wonders"),
        ("`model/gone.py` does it", "no such file"),
    ],
)
def test_what_is_not_there_is_found(known, text, expected):
    found = check.wrong_in(check.ROOT / "page.md", text, known)
    assert len(found) == 1, found
    assert expected in found[0]


def test_what_is_there_is_not_found(known):
    text = """[a heading](README.md#install), [elsewhere](https://example.org/none#such)

    pullfocus solve shot.####.exr \\
        --box fg:10=94,1,85,141 --out x.solve && pullfocus bake x.solve --no-keep-plate --out p

`bake --still`, `.venv/bin/python -m pytest tests/solve`, `make lint`, `coc/network.py`, `--steps 0`
"""
    assert check.wrong_in(check.ROOT / "page.md", text, known) == []
    assert "pullfocus solve shot.####.exr --box" in next(check.commands(text))


def test_headings_are_linked_as_github_does(tmp_path):
    page = tmp_path / "p.md"
    page.write_text("# What it wins, and limits\n\n## `coc`: the blur's size\n")
    assert check.anchors(page) == {"what-it-wins-and-limits", "coc-the-blurs-size"}


def test_walks_enter_every_room_once():
    """DEVELOPMENT.md: along each walk no room comes twice, and no room of the house is left out."""
    text = (check.ROOT / "DEVELOPMENT.md").read_text(encoding="utf-8")
    core = check.ROOT / "core" / "pullfocus"
    rooms = {path.parent.name for path in core.glob("*/__init__.py")}
    section = text[text.index("### A plate's pixels") : text.index("### Where to add")]
    pixels, radius = section.split("### A radius")
    seen: set[str] = set()
    for walk in (pixels, radius.split("Beside both walks")[0]):
        entered = [found for found in re.findall(r"^\d+\. `(\w+)/", walk, re.MULTILINE)]
        ours = [room for room in entered if room in rooms]
        assert len(ours) == len(set(ours)) > 5
        seen |= set(ours)
    beside = set(re.findall(r"`(\w+)/`", radius))
    assert seen | beside == rooms
    assert not seen & beside
