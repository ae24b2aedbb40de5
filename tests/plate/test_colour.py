# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pullfocus.errors import ColourError
from pullfocus.plate.colour import (
    BUILTIN_CONFIGS,
    colour_transform,
    display_to_linear,
    find_space,
    linear_to_display,
    load_config,
    plan_colour,
)


def closed_form(display: float) -> float:
    """IEC 61966-2-1, one number at a time."""
    return display / 12.92 if display <= 0.04045 else ((display + 0.055) / 1.055) ** 2.4


def test_display_to_linear_is_the_closed_form():
    codes = np.linspace(0, 4, 4001)
    np.testing.assert_allclose(
        display_to_linear(codes), [closed_form(code) for code in codes], rtol=1e-14, atol=0
    )


def test_known_points():
    assert display_to_linear(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]
    assert linear_to_display(np.array(0.18)) == pytest.approx(0.46135612950044164, abs=1e-12)
    assert linear_to_display(np.array(1)) == pytest.approx(1.0)  # integers are welcome


@given(st.floats(-1e4, 1e4))
def test_any_value_survives_the_way_there_and_back(value):
    linear = np.array([value])
    # The published constants leave a step of 1e-8 where line and power law meet.
    np.testing.assert_allclose(
        display_to_linear(linear_to_display(linear)), linear, rtol=1e-12, atol=3e-8
    )


@given(st.floats(-100, 100))
def test_negative_light_mirrors_positive(value):
    assert linear_to_display(np.array(-value)) == -linear_to_display(np.array(value))


@given(st.lists(st.floats(-10, 100), min_size=2, max_size=2, unique=True))
def test_rising(pair):
    low, high = (linear_to_display(np.array(value)) for value in sorted(pair))
    assert low <= high + 1e-8


def test_float32_stays_float32():
    assert linear_to_display(np.ones((2, 2, 3), np.float32)).dtype == np.float32
    assert display_to_linear(np.ones((2, 2, 3), np.float32)).dtype == np.float32


def test_the_curve_agrees_with_opencolorio():
    codes = np.linspace(0, 3, 3 * 700, dtype=np.float32).reshape(10, 70, 3)
    light = colour_transform("srgb_texture", "lin_rec709_srgb")(codes)
    np.testing.assert_allclose(display_to_linear(codes), light, rtol=2e-6, atol=1e-6)
    back = colour_transform("lin_rec709_srgb", "srgb_texture")(light)
    # OpenColorIO takes the toe's slope from the power law, 12.923 where the standard says 12.92.
    np.testing.assert_allclose(linear_to_display(light), back, rtol=2e-6, atol=1.2e-5)


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("arri_logc3_ei800", 0.0171),
        ("arri_logc4", 0.0442),
        ("slog3_sgamut3cine", 0.0138),
        ("srgb_texture", 0.0272),
    ],
)
def test_camera_codes_to_acescg(space, expected):
    grey = np.full((1, 1, 3), 0.18, np.float32)
    light = colour_transform(space, "ACEScg")(grey)
    np.testing.assert_allclose(light, expected, atol=6e-5)  # expected to 3 digits, as published
    back = colour_transform("ACEScg", space)(light)
    np.testing.assert_allclose(back, grey, atol=5e-6)


def test_the_input_is_left_alone():
    codes = np.full((2, 2, 3), 0.5, np.float32)
    colour_transform("srgb_texture", "ACEScg")(codes)
    colour_transform("scene_linear", "scene_linear")(codes)[:] = 0
    assert (codes == 0.5).all()


@pytest.mark.parametrize(
    "name", ["srgb_texture", "sRGB - Texture", "SRGB_TEXTURE", " srgb_texture "]
)
def test_names_aliases_and_case(name):
    assert find_space(name) == find_space("srgb_texture")


def test_unknown_name_suggests_near_misses():
    with pytest.raises(ColourError) as caught:
        find_space("arri_logc3_ei80")
    assert str(caught.value).startswith("--colorspace: no colour space named 'arri_logc3_ei80' in ")
    assert "did you mean arri_logc3_ei800" in str(caught.value)


@pytest.mark.parametrize("name", ["compositing_log", "color_picking", "", "qqqqqqqq"])
def test_roles_and_nonsense_are_not_names(name):
    with pytest.raises(ColourError, match=f"no colour space named '{name}'"):
        find_space(name)


def test_data_is_no_colour_space():
    with pytest.raises(ColourError) as caught:
        find_space("Raw")
    assert str(caught.value) == (
        "--colorspace: 'Raw' is for data, not for light; for values that are already linear use "
        "--colorspace scene_linear"
    )


def test_configuration_falls_back_to_the_older_one():
    config = load_config(("ocio://no-such-config", BUILTIN_CONFIGS[1]))
    assert config.getColorSpace("lin_rec709_srgb") is not None
    assert config.getColorSpace("ACEScg").getEncoding() == "scene-linear"


def test_no_configuration_at_all():
    with pytest.raises(
        ColourError, match="has none of the configurations ocio://nope, ocio://nada"
    ):
        load_config(("ocio://nope", "ocio://nada"))


def test_no_configuration_is_a_moving_target():
    assert not any("latest" in name for name in BUILTIN_CONFIGS)


def test_encoded_files_default_to_srgb_and_say_so():
    plan = plan_colour("encoded", label="a.png")
    assert (find_space(plan.source), plan.working) == (
        find_space("srgb_texture"),
        "lin_rec709_srgb",
    )
    assert plan.notes == (
        "colour: a.png is taken as srgb_texture (sRGB); --colorspace says otherwise",
    )


def test_float_files_default_to_scene_linear_and_say_so():
    plan = plan_colour("linear", label="a.exr")
    assert (plan.source, plan.working) == ("scene_linear", "scene_linear")
    assert plan.notes == (
        "colour: a.exr is taken as scene-linear and left as it is; --colorspace names its space",
    )


def test_log_files_must_be_told():
    with pytest.raises(ColourError) as caught:
        plan_colour("log", label="a.dpx")
    assert str(caught.value).startswith("colour: a.dpx may be log or linear")
    assert "--colorspace arri_logc3_ei800" in str(caught.value)


@pytest.mark.parametrize(
    ("told", "working"),
    [
        ("arri_logc3_ei800", "ACEScg"),
        ("ACEScg", "ACEScg"),
        ("lin_rec2020", "ACEScg"),
        ("srgb_p3d65", "ACEScg"),
        ("lin_rec709", "lin_rec709_srgb"),
        ("g24_rec709", "lin_rec709_srgb"),
        ("scene_linear", "scene_linear"),
        ("Scene_Linear", "scene_linear"),
    ],
)
def test_what_is_told_wins_without_a_note(told, working):
    for encoding in ("encoded", "linear", "log"):
        plan = plan_colour(encoding, label="a", colorspace=told)
        assert (plan.working, plan.notes) == (working, ())


def test_working_space_overrides():
    plan = plan_colour("encoded", label="a.png", working_space="lin_ap1")
    assert plan.working == "ACEScg"
    assert plan_colour(
        "log", label="a", colorspace="arri_logc4", working_space="lin_rec2020"
    ).working


def test_working_space_must_be_linear():
    with pytest.raises(ColourError) as caught:
        plan_colour("encoded", label="a.png", working_space="srgb_texture")
    assert str(caught.value) == (
        "--working-space: expected a scene-linear space such as ACEScg or lin_rec709_srgb, got "
        "'srgb_texture'"
    )


def test_an_unnamed_space_cannot_be_converted():
    with pytest.raises(
        ColourError,
        match="--working-space ACEScg: the plate's own space is not named; add --colorspace",
    ):
        plan_colour("linear", label="a.exr", working_space="ACEScg")
    with pytest.raises(
        ColourError,
        match="--working-space: expected a named space such as ACEScg, got 'scene_linear'",
    ):
        plan_colour("encoded", label="a.png", working_space="scene_linear")
