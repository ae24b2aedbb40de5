# SPDX-License-Identifier: Apache-2.0
import json
import os

import pytest
from pullfocus.plate import contents
from pullfocus.plate.contents import contents_stamp, known_digests, recall


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(contents, "_known", {})


def test_files_that_nobody_touched_are_not_read_again(tmp_path, monkeypatch):
    file = tmp_path / "a"
    file.write_bytes(b"one")
    stamp = contents_stamp([file])
    held = tmp_path / "contents.json"
    held.write_text(json.dumps(known_digests([file])))
    contents._known.clear()
    recall(held)

    def read(*_):
        raise AssertionError("read again")

    with monkeypatch.context() as patched:
        patched.setattr(contents.hashlib, "file_digest", read)
        assert contents_stamp([file]) == stamp
    file.write_bytes(b"two")
    os.utime(file, (1, 1))
    assert contents_stamp([file]) != stamp


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"a": 1}', '{"a": [1]}', '{"a": [1, 2, 3, 4, 5]}']
)
def test_a_record_that_is_no_good_is_ignored(tmp_path, text):
    (tmp_path / "contents.json").write_text(text)
    recall(tmp_path / "contents.json")
    recall(tmp_path / "gone.json")
    assert contents._known == {}


def test_a_file_that_is_gone_says_so(tmp_path):
    assert contents_stamp([tmp_path / "gone"]) == "gone"
