# SPDX-License-Identifier: Apache-2.0
"""Options of a command line as parameters of a job, and as arguments of its steps.

An option that a job template must be able to leave away is an empty text there: the command line
takes ``--rate=`` for not given.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from pullfocus.farm.openjd import Kind, Parameter

__all__ = ["IMAGES", "SEQUENCES", "JobOption", "parameter_name"]

_ALL = ("All Files", ("*",))
SEQUENCES = (
    ("Frames", ("*.exr", "*.png", "*.dpx", "*.tif", "*.tiff", "*.jpg")),
    ("Movies", ("*.mov", "*.mp4", "*.mxf", "*.mkv")),
    _ALL,
)
IMAGES = (("Pictures", ("*.exr", "*.png", "*.tif", "*.tiff", "*.psd", "*.jpg")), _ALL)


@dataclass(frozen=True, kw_only=True)
class JobOption:
    """One option of a verb, with the value that a job gives it."""

    name: str
    """As on the command line, without dashes: ``max-radius``."""
    verbs: tuple[str, ...]
    """Verbs that take it."""
    value: Any
    """None, a text, a number, a truth, or a list of texts."""
    default: Any
    kind: Kind
    optional: bool
    """Whether the command line can do without a value."""
    switch: bool
    """Whether it is ``--name`` or ``--no-name``."""
    choices: tuple[str, ...]
    least: float | None
    most: float | None
    description: str

    @property
    def given(self) -> bool:
        """Whether it says something else than its default."""
        return bool(self.value != self.default and self.value not in (None, []))

    def parameter(self, *, group: str) -> Parameter:
        """Return it as a job parameter."""
        kind, value, allowed = self.kind, self.value, self.choices
        if self.switch:
            allowed = (self.name, f"no-{self.name}")
            value = allowed[0 if self.value else 1]
        elif isinstance(value, list):
            value = ",".join(value)
        elif kind == "PATH" and value is not None:
            value = os.path.abspath(value)  # noqa: PTH100 (keeps patterns and links)
        elif self.optional and kind != "PATH":
            kind = "STRING"  # empty where it is not given
            allowed = ("", *allowed) if allowed and value is None else allowed
            value = "" if value is None else str(value)
        return Parameter(
            name=parameter_name(self.name),
            value=value,
            kind=kind,
            label=self.name.replace("-", " ").capitalize(),
            group=group,
            description=self.description,
            allowed=allowed,
            least=self.least if kind in ("INT", "FLOAT") else None,
            most=self.most if kind in ("INT", "FLOAT") else None,
            flow="IN" if kind == "PATH" else "NONE",
            filters=IMAGES if kind == "PATH" else (),
        )

    @property
    def argument(self) -> str:
        """The argument of a step that passes the parameter on."""
        held = f"{{{{Param.{parameter_name(self.name)}}}}}"
        return f"--{held}" if self.switch else f"--{self.name}={held}"


def parameter_name(option: str) -> str:
    """Return the name of a job parameter: ``MaxRadius`` for ``max-radius``."""
    return "".join(part[:1].upper() + part[1:] for part in option.replace("_", "-").split("-"))
