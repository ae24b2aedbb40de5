# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pullfocus.errors import PassesError
from pullfocus.passes.layer_names import check_layer_name, check_layer_names


@given(st.from_regex(r"[a-z][a-z0-9_]{0,40}[0-9]", fullmatch=True))
def test_ordinary_layer_names_pass(name):
    assert check_layer_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "Fg", "1st", "f g", "fg.a", "fg\n", "é", "alpha", "none", "fg_uv", "x_coc", "a" * 49, 7],
)
def test_layer_names_that_hosts_cannot_carry(name):
    with pytest.raises(PassesError, match="expected"):
        check_layer_name(name)


def test_longest_layer_name():
    assert check_layer_name("a" * 48)


def test_layers_must_differ_and_exist():
    with pytest.raises(PassesError, match="twice"):
        check_layer_names(["fg", "fg"])
    with pytest.raises(PassesError, match="at least one"):
        check_layer_names([])
