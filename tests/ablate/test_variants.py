# SPDX-License-Identifier: Apache-2.0
"""Presets with fields put over them."""

import pytest
from pullfocus.ablate.variants import parse_variant
from pullfocus.errors import SolveError
from pullfocus.solve.presets import preset_settings


def test_a_preset_alone_is_the_preset() -> None:
    variant = parse_variant("lna", weights="lna")
    assert variant.settings == preset_settings("lna", weights="lna")
    assert (variant.label, variant.file_name) == ("lna", "lna")


def test_fields_are_found_by_name_or_path_at_any_depth() -> None:
    text = "paper:start=motion:points.flow=0.5:width=64:texture=network:mixed_precision=false"
    settings = parse_variant(text, weights="hashing").settings
    assert settings.start == "motion"
    assert settings.flow == "auto"  # the method, not the weight of the term
    assert settings.points.flow == 0.5
    assert settings.model.networks.width == 64
    assert settings.model.texture == "network"
    assert settings.model.networks.mixed_precision is False
    assert parse_variant("fast:networks.width=8", weights="lna").settings.model.networks.width == 8


def test_the_lens_of_a_solve_and_that_of_its_model_are_told_apart() -> None:
    settings = parse_variant("fast:lens=auto:lens.beta=3", weights="hashing").settings
    assert settings.lens == "auto"
    assert settings.model.lens.beta == 3


def test_own_fields_win_over_those_for_all() -> None:
    both = parse_variant("paper:seed=2", ("seed=1", "coc_rate=0.5"), weights="paper").settings
    assert (both.seed, both.coc_rate) == (2, 0.5)
    assert parse_variant("paper:weights=lna", weights="paper").settings.points.flow == 5
    assert parse_variant("paper", ("weights=lna",), weights="paper").settings.points.flow == 5


def test_folders_are_told_apart_and_safe() -> None:
    names = [parse_variant(t, weights="lna").file_name for t in ("paper", "paper:seed=1")]
    assert names == ["paper", "paper_seed=1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("papper", "got 'papper'"),
        ("paper:colour=red", "got colour"),
        ("paper:seed", "got 'seed'"),
        ("paper:seed=soon", "a whole number for seed, got 'soon'"),
        ("paper:coc_rate=fast", "a number for coc_rate"),
        ("paper:mixed_precision=maybe", "true or false"),
        ("paper:model=1", "got model"),
        ("paper:reblur=layred", "reblur of layered, flat, none, got 'layred'"),
        ("paper:start=fussion", "got 'fussion'"),
    ],
)
def test_bad_variants_are_one_line(text: str, said: str) -> None:
    with pytest.raises(SolveError, match=said):
        parse_variant(text, weights="hashing")
