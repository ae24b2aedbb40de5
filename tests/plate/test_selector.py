# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pullfocus.errors import MatteError
from pullfocus.plate.selector import Selector, read_selector, split_selector
from pullfocus.plate.sequence import matte_role

ROLE = matte_role("fg")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("m.####.exr", ("m.####.exr", "")),
        ("m.####.exr:mask.A", ("m.####.exr", "mask.A")),
        ("a b/m.%04d.PNG:2:invert", ("a b/m.%04d.PNG", "2:invert")),
        ("m.exr:crypto:/obj/a.exr:b", ("m.exr", "crypto:/obj/a.exr:b")),
        ("C:/shots/m.####.exr", ("C:/shots/m.####.exr", "")),
        ("C:/shots/m.mov:alpha", ("C:/shots/m.mov", "alpha")),
        ("take 12:30/m", ("take 12:30/m", "")),
    ],
)
def test_where_the_path_ends(text, expected):
    assert split_selector(text) == expected


def test_a_file_that_is_called_so_wins(tmp_path):
    odd = tmp_path / "a.exr:mask.exr"
    odd.write_bytes(b"")
    assert split_selector(str(odd)) == (str(odd), "")
    assert split_selector(f"{odd}:alpha") == (str(odd), "alpha")
    assert split_selector(f"{tmp_path}:invert") == (str(tmp_path), "invert")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Selector()),
        ("mask.A", Selector(channel="mask.A")),
        ("alpha:invert", Selector(channel="alpha", invert=True)),
        ("3", Selector(number=3)),
        ("id.X:3:invert:shift=-1000", Selector(channel="id.X", number=3, invert=True, shift=-1000)),
        ("normalize:hold", Selector(normalise=True, hold=True)),
        ("crypto:hero", Selector(crypto="hero")),
        ("crypto:ns:hero body:invert", Selector(crypto="ns:hero body", invert=True)),
        ("crypto:invert", Selector(crypto="invert")),
    ],
)
def test_what_is_said_of_it(text, expected):
    assert read_selector(text, ROLE) == expected


@pytest.mark.parametrize("text", ["a:b", "1:2", "shift=x", "-3", "shift=1.5", "crypto:"])
def test_what_is_not_understood(text):
    with pytest.raises(MatteError, match="expected PATH:"):
        read_selector(text, ROLE)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    path, rest = split_selector(text)
    assert path + (":" if rest or path != text else "") + rest == text
    try:
        selector = read_selector(rest, ROLE)
    except MatteError:
        return
    assert read_selector(str(selector), ROLE) == selector
