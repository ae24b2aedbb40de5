# SPDX-License-Identifier: Apache-2.0
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from pullfocus import checkpoint
from pullfocus.errors import SolveError
from safetensors.torch import save_file


def tensors():
    return {
        "half": torch.randn(3, 4).half(),
        "whole": torch.arange(5),
        "bytes": torch.tensor([0, 255], dtype=torch.uint8),
        "none": torch.zeros(0, 3),
        "scalar": torch.tensor(1.5, dtype=torch.float64),
    }


def test_comes_back_exactly(tmp_path):
    path = tmp_path / "c.safetensors"
    saved = tensors()
    checkpoint.save(path, saved, {"step": 7, "text": "zwölf"})
    loaded, meta = checkpoint.load(path)
    assert meta["step"] == 7
    assert meta["text"] == "zwölf"
    assert checkpoint.load_meta(path) == meta
    assert loaded.keys() == saved.keys()
    for name, value in saved.items():
        assert loaded[name].dtype == value.dtype
        assert torch.equal(loaded[name], value)


def test_shared_and_strided_memory(tmp_path):
    base = torch.randn(6, 6)
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, {"a": base, "b": base.T, "c": base[1:3]}, {})
    loaded, _ = checkpoint.load(path)
    assert torch.equal(loaded["b"], base.T)
    assert torch.equal(loaded["c"], base[1:3])


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.99])
def test_truncated_is_one_clear_line(tmp_path, keep):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, tensors(), {"step": 1})
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(SolveError, match="--restart") as raised:
        checkpoint.load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_foreign_files(tmp_path):
    path = tmp_path / "c.safetensors"
    save_file({"a": torch.zeros(2)}, str(path))
    with pytest.raises(SolveError, match="no pullfocus header"):
        checkpoint.load(path)
    save_file({"a": torch.zeros(2)}, str(path), {"pullfocus": json.dumps({"format": 99})})
    with pytest.raises(SolveError, match="format 1, got 99"):
        checkpoint.load(path)
    with pytest.raises(SolveError, match="found none"):
        checkpoint.load(tmp_path / "missing.safetensors")


def test_a_failed_write_keeps_the_earlier_file(tmp_path):
    path = tmp_path / "note.json"
    checkpoint.write_json(path, {"a": 1})

    class Halfway(Exception):
        pass

    with pytest.raises(Halfway), checkpoint.replacing(path) as temporary:  # noqa: PT012
        temporary.write_text("half of it")
        raise Halfway
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["note.json"]


def test_files_are_as_readable_as_others(tmp_path):
    path = tmp_path / "c.safetensors"
    checkpoint.save(path, tensors(), {})
    (tmp_path / "plain").write_text("")
    modes = {stat.S_IMODE(p.stat().st_mode) for p in (path, tmp_path / "plain")}
    assert len(modes) == 1


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 256 KB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(folder)]
    if os.name != "posix" or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_what_a_kill_left_is_swept_and_what_is_being_written_is_not(tmp_path):
    """Two machines may work in one folder, where no lock between them holds."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = checkpoint._HOST
    ours = [
        tmp_path / f".tmp-{host}-{pid}-abc.json" for pid in (dead.pid, os.getpid(), os.getppid())
    ]
    fresh, old = tmp_path / ".tmp-else-where-7-abc.json", tmp_path / ".tmp-else-7-abc.json"
    for path in (*ours, fresh, old):
        path.touch()
    os.utime(old, (0, 0))
    checkpoint.sweep(tmp_path)
    assert {path for path in (*ours, fresh, old) if path.exists()} == {ours[2], fresh}


def test_full_disk_keeps_the_earlier_checkpoint(tiny_disk: Path):
    path = tiny_disk / "c.safetensors"
    checkpoint.save(path, {"a": torch.ones(1000)}, {"step": 1})
    with pytest.raises(SolveError, match="disk is full"):
        checkpoint.save(path, {"a": torch.ones(100_000)}, {"step": 2})
    loaded, meta = checkpoint.load(path)
    assert meta["step"] == 1
    assert torch.equal(loaded["a"], torch.ones(1000))
    assert [p.name for p in tiny_disk.iterdir()] == ["c.safetensors"]
