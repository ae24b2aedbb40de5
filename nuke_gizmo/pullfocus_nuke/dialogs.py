# SPDX-License-Identifier: Apache-2.0
"""The dialogs of the menu as data: what each asks, and what an answer means. No Nuke needed."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = [
    "FAR",
    "FARM",
    "FOLDER",
    "FOLLOW",
    "FRAMES",
    "LAYER",
    "MATTES",
    "NEAR",
    "PAINT",
    "PLATE",
    "QUALITIES",
    "QUALITY",
    "RESTART",
    "SLOW",
    "SOLVE",
    "WRITE",
    "ZDEFOCUS",
    "Dialog",
    "Field",
]

QUALITIES = ("standard", "draft", "high")


@dataclass(frozen=True)
class Field:
    """One line of a dialog."""

    kind: str
    """"text", "choice", "folder", "tick" or "note"."""
    label: str
    means: str


@dataclass(frozen=True)
class Dialog:
    """A dialog of one command."""

    title: str
    fields: tuple[Field, ...]


PLATE = Field("text", "Plate node", "The node whose picture is solved; at first the selected one.")
MATTES = Field(
    "text",
    "Mattes, front to back",
    "LAYER=NODE with spaces between, such as fg=Roto1: layers are named a-z, 0-9 and _, their alpha"
    " is the matte; at first the selected Rotos. bg is what lies behind them all.",
)
FRAMES = Field("text", "Frames", "First and last, such as 1001-1060; two or more.")
QUALITY = Field(
    "choice", "Quality", "draft to look at, standard, high: see pullfocus solve --quality."
)
FOLDER = Field(
    "folder",
    "Folder",
    "For plate, mattes, solve and passes; at first pullfocus/NODE beside the script.",
)
WRITE = Field(
    "tick",
    "Write plate and mattes again",
    "Render them even where files are there; those that come out the same stay, so that a solve"
    " goes on. Off: the files that are there are used, and their date is told.",
)
RESTART = Field(
    "tick", "Start over", "Discard an earlier solve in the folder instead of going on with it."
)
SLOW = Field("note", "Slow", "What makes pullfocus slow on this machine; not there where nothing.")
LAYER = Field("choice", "Layer", "Whose atlas is painted.")
NEAR = Field(
    "text", "Distance of the front layer", "From the camera, in the unit of the CG's depth.Z."
)
FAR = Field("text", "Distance of the last layer", "The same, farther.")

SOLVE = Dialog(
    "Solve with pullfocus", (PLATE, MATTES, FRAMES, QUALITY, FOLDER, WRITE, RESTART, SLOW)
)
FOLLOW = replace(SOLVE, title="Follow matte from this frame")
FARM = replace(SOLVE, title="Send to farm with pullfocus")
PAINT = Dialog("Paint an atlas", (LAYER,))
ZDEFOCUS = Dialog("Key a ZDefocus with the plate's focus", (NEAR, FAR))
