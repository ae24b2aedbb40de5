# SPDX-License-Identifier: Apache-2.0
"""A node's picture to EXR files, by a Write that is gone afterwards."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator

import nuke

from pullfocus_nuke.passes import knob_text
from pullfocus_nuke.placing import new_node

__all__ = ["full_size", "write_exr"]


@contextmanager
def full_size() -> Iterator[None]:
    """Switch proxy mode off for a while: a Write renders small pictures in it."""
    knob = nuke.root()["proxy"]
    before = knob.value()
    knob.setValue(False)
    try:
        yield
    finally:
        knob.setValue(before)


def write_exr(node: Any, path: str, channels: str, first: int, last: int) -> None:
    """Render frames of a node to EXR at full size, values as they are; folders are made.

    Args:
        node: whose picture.
        path: file, as the disk has it, with #### in its name for the number where there are
            several.
        channels: such as rgb.
        first: frame.
        last: frame.

    Raises:
        RuntimeError: Nuke could not render it, or it was stopped.
    """
    write = new_node("Write", node)
    try:
        folder, slash, name = path.rpartition("/")
        name = knob_text(name).replace("####", "%04d")
        write["file"].setValue(knob_text(folder) + slash + name)
        write["file_type"].setValue("exr")
        write["channels"].setValue(channels)
        write["raw"].setValue(True)
        write["create_directories"].setValue(True)
        with full_size():
            nuke.execute(write, first, last)
    finally:
        nuke.delete(write)
