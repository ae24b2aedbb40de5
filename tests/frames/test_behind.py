# SPDX-License-Identifier: Apache-2.0
"""Frames that are written while the next one is worked out: in order, whole, and counted."""

import threading
from pathlib import Path

import pytest
from pullfocus.errors import PassesError
from pullfocus.frames.behind import WrittenBehind
from pullfocus.output import Output


def output(folder: Path, planned: int = 3) -> Output:
    return Output(folder, planned)


def test_the_next_frame_is_worked_out_while_one_is_written(tmp_path: Path):
    worked_out, said, done = threading.Event(), [], output(tmp_path)

    def slowly(path: Path) -> None:
        assert worked_out.wait(20)  # never, if the caller had to wait for it
        path.write_text("whole")

    first, second = tmp_path / "1", tmp_path / "2"
    with WrittenBehind(done) as behind:
        behind.write(first, lambda: slowly(first), lambda: said.append(1))
        assert not first.exists()
        worked_out.set()
        behind.write(second, lambda: slowly(second), lambda: said.append(2))
        assert first.read_text() == "whole"
        assert (said, done.done) == ([1], [first])
    assert (said, done.done) == ([1, 2], [first, second])


def test_callers_are_told_in_their_own_thread(tmp_path: Path):
    heard = []
    with WrittenBehind(output(tmp_path)) as behind:
        frame = tmp_path / "1"
        behind.write(frame, frame.touch, lambda: heard.append(threading.current_thread()))
    assert heard == [threading.current_thread()]


@pytest.mark.parametrize("last", [False, True])
def test_what_cannot_be_written_is_heard_at_the_next_frame_or_the_end(tmp_path: Path, last: bool):
    def fails() -> None:
        raise PassesError("no room")

    done, late = output(tmp_path), tmp_path / "2"
    with pytest.raises(PassesError, match="no room"), WrittenBehind(done) as behind:  # noqa: PT012
        behind.write(tmp_path / "1", fails, lambda: None)
        if not last:
            behind.write(late, late.touch, lambda: None)
    assert done.done == []
    assert not late.exists()


def test_a_stop_leaves_the_frame_that_was_under_way_whole_and_counts_it(tmp_path: Path):
    done, frame, stopped = output(tmp_path), tmp_path / "1", threading.Event()

    def slowly() -> None:
        assert stopped.wait(20)
        frame.write_text("whole")

    with pytest.raises(KeyboardInterrupt), done.telling(), WrittenBehind(done) as behind:  # noqa: PT012
        behind.write(frame, slowly, lambda: None)
        stopped.set()
        raise KeyboardInterrupt
    assert frame.read_text() == "whole"
    assert done.done == [frame]
