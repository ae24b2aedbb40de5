# SPDX-License-Identifier: Apache-2.0
"""An error is one line, whatever names the files hold."""

import pickle

from hypothesis import given
from hypothesis import strategies as st
from pullfocus.errors import PlateError


def test_what_cannot_be_printed_is_spelt_out():
    assert str(PlateError("channels G, \nR\x1b[2J of größe.exr")) == (
        "channels G, \\nR\\x1b[2J of größe.exr"
    )


@given(st.text())
def test_any_text_is_one_line_and_survives_another_process(text):
    error = PlateError(text)
    assert len(str(error).splitlines()) <= 1
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
