# SPDX-License-Identifier: Apache-2.0
"""Write a frame while the next one is worked out: compressing it takes as long again.

One frame is under way at a time, so that memory is one frame's more, and files appear in order.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pullfocus.output import Output

__all__ = ["WrittenBehind"]


@dataclass(frozen=True)
class _UnderWay:
    path: Path
    written: Future[None]
    then: Callable[[], None]


class WrittenBehind:
    """Frames of an output, written by another thread; a block that ends has all of them on disk."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._under_way: _UnderWay | None = None

    def write(self, path: Path, write: Callable[[], None], then: Callable[[], None]) -> None:
        """Begin to write a frame, once the one before is whole.

        Args:
            path: the file, counted in the output once it is there.
            write: writes it, in the other thread.
            then: called in this thread once it is there.

        Raises:
            PullfocusError: the frame before could not be written, or what is left has no room.
        """
        self.settle()
        self._under_way = _UnderWay(path, self._thread.submit(write), then)

    def settle(self) -> None:
        """Wait for the frame that is under way."""
        one, self._under_way = self._under_way, None
        if one is not None:
            one.written.result()
            self._output.wrote(one.path)
            one.then()

    def __enter__(self) -> "WrittenBehind":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.settle()
        finally:
            self._thread.shutdown(wait=True)
            one = self._under_way
            if one is not None and one.written.exception() is None:
                self._output.kept(one.path)  # whole, though nobody waited for it
