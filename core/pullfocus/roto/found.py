# SPDX-License-Identifier: Apache-2.0
"""From marks on the command line to mattes, whoever finds them: us, a tool, a network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pullfocus.errors import MatteError
from pullfocus.plate.contents import contents_stamp
from pullfocus.roto.keys import Kind, Mark, Marked, parse_mark, read_mark
from pullfocus.roto.settings import FollowSettings
from pullfocus.roto.shot_matte import Report, ShotMatte
from pullfocus.shot import LAST_LAYER, Shot

__all__ = ["MatteRequest", "find_mattes"]


@dataclass(frozen=True, kw_only=True)
class MatteRequest:
    """Which mattes are wanted, and who finds them."""

    marks: tuple[Mark, ...]
    auto: tuple[str, ...] = ()
    """Layers that are guessed."""
    command: str | None = None
    """A tool of the user's; see `tool`."""
    model: str | None = None
    """An ONNX file, or the name of an entry point ``pullfocus.mattes``."""
    read_marks: tuple[Marked, ...] = ()

    @classmethod
    def parsed(
        cls,
        *,
        key: Sequence[str] | None = None,
        box: Sequence[str] | None = None,
        scribble: Sequence[str] | None = None,
        auto: Sequence[str] | None = None,
        command: str | None = None,
        model: str | None = None,
        default_layer: str | None = None,
    ) -> MatteRequest:
        """Read what the command line says.

        Raises:
            MatteError: a mark of another form, two on one frame, a layer that cannot be.
        """
        from pullfocus.passes.layer_names import check_layer_name

        said: tuple[tuple[Kind, Sequence[str] | None], ...] = (
            ("key", key),
            ("box", box),
            ("scribble", scribble),
        )
        marks = tuple(
            parse_mark(kind, text, layer=default_layer)
            for kind, texts in said
            for text in texts or ()
        )
        request = cls(marks=marks, auto=tuple(auto or ()), command=command, model=model)
        for layer in request.layers:
            check_layer_name(layer)
            if layer == LAST_LAYER:
                raise MatteError(f"matte {layer}: expected another name, '{layer}' lies behind all")
        seen = set()
        for mark in marks:
            if (mark.layer, mark.frame) in seen:
                raise MatteError(f"frame {mark.frame} of {mark.layer}: expected one mark, got two")
            seen.add((mark.layer, mark.frame))
        for layer in request.auto:
            if any(mark.layer == layer for mark in marks):
                raise MatteError(f"--auto {layer}: expected no mark for it, got one")
        if command is not None and model is not None:
            raise MatteError("expected --matte-command or --matte-model, got both")
        if request.auto and (command or model):
            raise MatteError("expected marks for another tool's mattes, got --auto")
        return request

    @property
    def layers(self) -> tuple[str, ...]:
        """In order, each once."""
        return tuple(dict.fromkeys([*(mark.layer for mark in self.marks), *self.auto]))

    @property
    def pictures(self) -> dict[str, Path]:
        """Files that are read besides the plate, which nothing may be written over."""
        return {
            f"--{mark.kind} {mark.frame}": Path(mark.value)
            for mark in self.marks
            if mark.kind != "box"
        }

    def read(self, shot: Shot) -> MatteRequest:
        """Read every mark and check it against the plate.

        Raises:
            MatteError: one that does not fit.
        """
        read = tuple(
            read_mark(mark, frames=shot.frames, width=shot.width, height=shot.height)
            for mark in self.marks
        )
        return replace(self, read_marks=read)

    def fingerprint(self, shot: Shot) -> str:
        """Hash of all that decides the mattes."""
        parts = [shot.plate.fingerprint(), str(shot.frames), str(FollowSettings())]
        parts += [f"{m.kind} {m.layer} {m.frame} {m.value}" for m in self.marks]
        parts.append(contents_stamp(self.pictures.values()))
        parts += [f"auto {self.auto} command {self.command} model {self.model}"]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def find_mattes(shot: Shot, request: MatteRequest, *, report: Report) -> list[ShotMatte]:
    """Find every layer's matte in every frame.

    Args:
        shot: the footage.
        request: whose marks were read.
        report: called with a stage and the fraction done.

    Raises:
        MatteError: no subject, or a tool that failed.
    """
    from pullfocus.roto import tool
    from pullfocus.roto.shot_matte import matte_of_shot, working_frames

    by_layer = {
        layer: [m for m in request.read_marks if m.mark.layer == layer] for layer in request.layers
    }
    settings = FollowSettings()
    if request.command is not None:
        return tool.run_command(request.command, shot, by_layer, report=report)
    if request.model is not None:
        method = tool.method_named(request.model)
        return tool.run_method(method, shot, by_layer, report=report)
    frames = working_frames(shot, settings, report)
    found = []
    for layer, marks in by_layer.items():
        if marks:
            found.append(matte_of_shot(shot, frames, marks, settings, report=report))
        else:
            found.append(_guessed(layer, shot, frames, settings, report))
    return found


def _guessed(layer, shot, frames, settings, report):  # type: ignore[no-untyped-def]
    from pullfocus.roto.auto import guess_subject
    from pullfocus.roto.follow import follow
    from pullfocus.roto.shot_matte import start_matte

    guess = guess_subject(frames, settings)
    key = start_matte(guess.t, frames, guess.clue, settings)
    if not (key > 0.5).any():
        raise MatteError(
            f"--auto {layer}: expected a subject, found none at frame {shot.frames[guess.t]}; "
            "mark it with --box or --key"
        )
    return ShotMatte(
        layer=layer,
        frames=shot.frames,
        width=shot.width,
        height=shot.height,
        outlines=tuple(
            follow(frames, {guess.t: key}, settings, doubted={guess.t: guess.clue}, report=report)
        ),
        exact={},
        note=f"matte {layer}: guessed by {guess.how} at frame {shot.frames[guess.t]}; look at the "
        "preview, and mark the subject with --box or --key if it is another",
    )
