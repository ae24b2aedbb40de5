# SPDX-License-Identifier: Apache-2.0
"""New nodes that leave the artist's selection and wires alone.

`nuke.createNode` and pasting take the selected node for an input, and put what is new between that
node and everything behind it. With nothing selected they do neither.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Sequence

import nuke

__all__ = ["new_node", "nothing_selected"]


@contextmanager
def nothing_selected() -> Iterator[None]:
    """Select nothing for a while; at the end, what was selected, as far as it is still there."""
    before = [node.name() for node in nuke.selectedNodes()]
    _select([])
    try:
        yield
    finally:
        _select(before)


def _select(names: Sequence[str]) -> None:
    for node in nuke.selectedNodes():
        node.setSelected(False)
    for name in reversed(names):  # the last one to be selected comes first in selectedNodes
        still = nuke.toNode(name)
        if still is not None:
            still.setSelected(True)


def new_node(kind: str, *inputs: Any) -> Any:
    """Make a node with these inputs and no other wire.

    Raises:
        RuntimeError: this Nuke has no such node.
    """
    with nothing_selected():
        node = nuke.createNode(kind, inpanel=False)
    for index, one in enumerate(inputs):
        node.setInput(index, one)
    return node
