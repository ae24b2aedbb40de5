# SPDX-License-Identifier: Apache-2.0
"""Whether what the pages name is there: ``python docs/check.py`` prints what is not, line by line.

Looked at in every Markdown file of the repository: links and their headings, pictures and how they
are made, verbs of ``pullfocus`` and their options, targets of ``make``, ``python FILE`` and its
options, options that stand alone, files of the source that are named. Nothing is run, and nothing
outside the repository is asked for.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = (".png", ".jpg", ".svg")
SOURCES = (".py", ".cpp", ".h", ".cu", ".tcl", ".md", ".blend")
PROGRAMS = ("python", "python3", ".venv/bin/python")

LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`]+)`")
OPTION = re.compile(r"--[a-z][a-z-]*")


@dataclass(frozen=True)
class House:
    """What there is to name."""

    root: Path
    """The repository."""
    files: frozenset[str]
    """Paths of all its files, from the root."""

    @cached_property
    def verbs(self) -> dict[str, frozenset[str]]:
        """Options of every verb of the command line, with those of the command itself."""
        import typer
        from pullfocus.cli import app
        from pullfocus.cli.verbs import VERBS

        group = typer.main.get_command(app)
        common = {"--help", "--version"}
        found = {}
        for name in VERBS:
            options = group.get_command(None, name).params  # type: ignore[attr-defined,arg-type]
            named = {text for option in options for text in (*option.opts, *option.secondary_opts)}
            found[name] = frozenset(named | common)
        return found

    @cached_property
    def targets(self) -> frozenset[str]:
        """Targets of the Makefile."""
        text = (self.root / "Makefile").read_text(encoding="utf-8")
        return frozenset(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))

    @cached_property
    def script_options(self) -> frozenset[str]:
        """Options of every program beside the command."""
        programs = [f for f in self.files if f.endswith(".py") and not f.startswith("tests/")]
        return frozenset().union(*(options_of(self.root / name) for name in programs))

    def named(self, path: str) -> bool:
        """Whether a path is one of a file here, from the root or from any folder on."""
        return any(name == path or name.endswith(f"/{path}") for name in self.files)


def house(root: Path = ROOT) -> House:
    """Return what a repository holds: the files that git knows or would add, else all."""
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    try:
        said = subprocess.run(listed, cwd=root, check=True, capture_output=True, text=True).stdout
        names = [name for name in said.splitlines() if (root / name).exists()]
    except (OSError, subprocess.CalledProcessError):  # a source archive
        inner = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        names = [path.as_posix() for path in inner if not path.parts[0].startswith(".v")]
    return House(root, frozenset(names))


def options_of(script: Path) -> frozenset[str]:
    """Return the options that a program's text has, without running it."""
    tree = ast.parse(script.read_text(encoding="utf-8"))
    texts = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant))
    return frozenset(t for t in texts if isinstance(t, str) and OPTION.fullmatch(t)) | {"--help"}


def anchors(page: Path) -> frozenset[str]:
    """Return the names that a page's headings can be linked by, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return frozenset(text.strip().replace(" ", "-") for text in plain)


def commands(text: str) -> Iterator[str]:
    """Return what is set as code in a page: lines of blocks, put together, and spans in prose."""
    block, fenced, prose = "", False, []
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or block or re.match(r"    +(?![-*|] )\S", line):
            block += line.strip()
            if block.endswith("\\"):
                block = block[:-1]
                continue
            yield block
            block = ""
        else:
            prose.append(line)
    for span in SPAN.findall("\n".join(prose)):
        yield " ".join(span.split())


def wrong_in(page: Path, text: str, known: House) -> list[str]:
    """Return what a page of this text names that is not there; a line for each, empty if none."""
    said = page.relative_to(known.root).as_posix()
    found = [*_links(page, text, known), *_captions(text)]
    for command in commands(text):
        found += [f"`{command}`: {what}" for what in _wrong_in_command(command, page, known)]
    return [f"{said}: {what}" for what in dict.fromkeys(found)]


def all_wrong(known: House) -> list[str]:
    """Return what is wrong in all pages, and pictures that no page shows."""
    names = [known.root / name for name in sorted(known.files) if name.endswith(".md")]
    pages = {page: page.read_text(encoding="utf-8") for page in names}
    text = "\n".join(pages.values())
    unseen = [
        f"{name}: no page shows this picture"
        for name in sorted(known.files)
        if name.startswith("docs/") and name.endswith(PICTURES) and Path(name).name not in text
    ]
    return [line for page, text in pages.items() for line in wrong_in(page, text, known)] + unseen


def _links(page: Path, text: str, known: House) -> Iterator[str]:
    for _, target in LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        path, _, heading = target.partition("#")
        other = (page.parent / path).resolve() if path else page
        if not other.exists():
            yield f"({target}): no such file"
        elif heading and heading not in anchors(other):
            yield f"({target}): no such heading; {other.name} has {', '.join(anchors(other))}"


def _captions(text: str) -> Iterator[str]:
    """A picture says what made it, or when, in its paragraph or the one below."""
    parts = text.split("\n\n")
    for part, below in zip(parts, [*parts[1:], ""], strict=True):
        for picture, target in LINK.findall(part):
            if picture and not re.search(r"`[^`]+`|\d{4}-\d\d-\d\d", f"{part}\n{below}"):
                yield f"({target}): neither a command nor a date beside this picture"


def _wrong_in_command(command: str, page: Path, known: House) -> Iterator[str]:
    """What a line or a span of code names that is not there; ``NAME`` stands for any name."""
    for part in re.split(r"\s*(?:&&|\||;|\s# )\s*", command):
        words = part.replace('"', " ").replace("'", " ").split()
        while words and re.fullmatch(r"[A-Z_]+=\S*|export", words[0]):
            words = words[1:]
        if not words:
            continue
        first = words[0].removeprefix(".venv/bin/")
        if first == "pullfocus":
            yield from _wrong_verb(words[1:], known)
        elif first in known.verbs and len(words) > 1 and words[1].startswith("--"):
            yield from _wrong_verb(words, known)
        elif first == "make":
            for word in words[1:]:
                if re.fullmatch(r"[a-z][a-z-]*", word) and word not in known.targets:
                    yield f"no target {word} in the Makefile"
        elif first in PROGRAMS and len(words) > 1:
            yield from _wrong_program(words[1:], known)
        elif first.startswith("--"):
            every = known.script_options.union(*known.verbs.values())
            yield from (f"nothing has an option {o}" for o in _options(words) if o not in every)
        elif re.fullmatch(r"[\w./-]+", part) and part.endswith(SOURCES) and "NAME" not in part:
            beside = (page.parent / part).exists()
            if not beside and not known.named(part.removeprefix("pullfocus/")):
                yield "no such file"


def _options(words: Iterable[str]) -> list[str]:
    return [m[0] for m in (OPTION.match(word.lstrip("[(")) for word in words) if m]


def _wrong_verb(words: list[str], known: House) -> Iterator[str]:
    """``pullfocus``, and what follows: a verb with options, or a word that stands for one."""
    if not words or words[0] in ("COMMAND", "...") or words[0].startswith("--"):
        return
    verb, *rest = words
    if verb not in known.verbs:
        yield f"no verb {verb}"
        return
    yield from (f"{verb} has no option {o}" for o in _options(rest) if o not in known.verbs[verb])


def _wrong_program(words: list[str], known: House) -> Iterator[str]:
    """``python FILE ...`` or ``python -m MODULE ...``."""
    name, *rest = words
    if name == "-m" and rest:
        module, *rest = rest
        name = module.replace(".", "/") + ".py"
        if module in ("pytest", "pip", "venv"):
            return
        if module.startswith("pullfocus"):
            name = f"core/{module.replace('.', '/')}.py"
            if name not in known.files:
                name = f"core/{module.replace('.', '/')}/__main__.py"
    if not name.endswith(".py"):
        return
    if name not in known.files:
        yield f"no file {name}"
        return
    has = options_of(known.root / name)
    yield from (f"{name} has no option {o}" for o in _options(rest) if o not in has)


if __name__ == "__main__":
    wrong = all_wrong(house())
    print("\n".join(wrong) or "what the pages name is there")
    sys.exit(1 if wrong else 0)
