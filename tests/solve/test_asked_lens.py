# SPDX-License-Identifier: Apache-2.0
"""Which lens a solve is asked to look through."""

from pathlib import Path

import pytest
from pullfocus.errors import PullfocusError
from pullfocus.model.plate_lens import PlateLens
from pullfocus.solve.asked import asked_settings


def test_a_draft_is_round_and_a_delivery_looks_for_its_lens(tmp_path: Path) -> None:
    assert asked_settings({"quality": "draft"}).lens == "round"
    assert asked_settings({}).lens == "auto"
    assert asked_settings({"quality": "draft", "plate_lens": "auto"}).lens == "auto"
    assert asked_settings({"plate_lens": "round"}).lens == "round"
    assert asked_settings({"preset": "paper"}).lens == "round"
    lens = PlateLens(blades=5, rotation_deg=12.0)
    lens.write(tmp_path / "lens.json")
    assert asked_settings({"plate_lens": str(tmp_path / "lens.json")}).lens == lens.text()


def test_a_lens_that_cannot_be_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(PullfocusError, match="--lens: expected a lens file"):
        asked_settings({"plate_lens": str(tmp_path / "none.json")})
    with pytest.raises(PullfocusError, match="--lens: goes with the preset fast only, got paper"):
        asked_settings({"preset": "paper", "plate_lens": "auto"})
