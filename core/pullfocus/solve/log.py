# SPDX-License-Identifier: Apache-2.0
"""log.jsonl of a solve folder: one line a step with every weighted loss term."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

from pullfocus.checkpoint import replacing
from pullfocus.errors import SolveError

__all__ = ["SolveLog", "repair_log"]


class SolveLog:
    """The open log; a line is written whole in one call, so that only a kill tears one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> SolveLog:
        try:
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise SolveError(f"cannot write {self._path}: {error.strerror}") from error
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, report: Any, seconds: float) -> None:
        """Add the line of one StepReport; `seconds` is the time spent on the solve so far."""
        line = {
            "step": report.step,
            "seconds": round(seconds, 3),
            "loss": report.loss,
            **report.terms,
            "psnr_reblur": report.psnr_reblur if math.isfinite(report.psnr_reblur) else None,
        }
        try:
            self._file.write(json.dumps(line).encode() + b"\n")
        except OSError as error:
            raise SolveError(f"could not write {self._path}: {error.strerror}") from error

    def sync(self) -> None:
        """Flush what was written to the disk."""
        os.fsync(self._file.fileno())


def repair_log(path: Path, *, last_step: int) -> None:
    """Drop a torn last line and every line after `last_step` from a log, before it goes on.

    Raises:
        SolveError: the repaired log cannot be written.
    """
    if not path.exists():
        return
    before = path.read_bytes()
    kept: list[bytes] = []
    for line in before.splitlines(keepends=True):
        try:
            step = json.loads(line)["step"]
        except (ValueError, KeyError, TypeError):
            continue
        if line.endswith(b"\n") and step <= last_step:
            kept.append(line)
    after = b"".join(kept)
    if after != before:
        with replacing(path) as temporary:
            temporary.write_bytes(after)
