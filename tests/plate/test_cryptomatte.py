# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from pullfocus.errors import MatteError
from pullfocus.plate.cryptomatte import id_of
from pullfocus.plate.matte import open_matte
from pullfocus.plate.reel import open_reel

NAMES = ("hero", "/set/wall", "hero_hair", "default")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("", 0x00800000),
        ("test", 0xBA6BD213),
        ("Hello, world!", 0xC0363E43),
        ("The quick brown fox jumps over the lazy dog", 0x2E4FF723),
    ],
)
def test_ids_are_murmur3(name, number):
    """Published values of MurmurHash3_x86_32, seed 0; the empty name's exponent is lifted."""
    assert id_of(name) == number


def test_ids_are_never_nan_nor_denormal():
    ids = np.array([id_of(f"object {i}") for i in range(20_000)], np.uint32)
    assert np.isfinite(ids.view(np.float32)).all()
    exponents = ids >> 23 & 255
    assert exponents.min() > 0
    assert exponents.max() < 255


def coverages(shift=0):
    """Soft-edged objects side by side that add up to 1: name -> (16, 24)."""
    x = np.arange(24, dtype=np.float32) + np.zeros((16, 1), np.float32)
    edge, other = np.clip((x - 6 - shift) / 4, 0, 1), np.clip((x - 14 - shift) / 4, 0, 1)
    return {"hero": 1 - edge, "/set/wall": edge - other, "hero_hair": other}


def write_crypto(path, shift=0, *, manifest="header", part=None, name="CryptoObject", lower=False):
    import OpenImageIO as oiio

    covers = coverages(shift)
    names = sorted(covers)
    stack = np.stack([covers[n] for n in names])
    order = np.argsort(-stack, axis=0)
    ids = np.array([id_of(n) for n in names], np.uint32).view(np.float32)
    planes, channels = [], []
    for rank in range(2):
        for half in range(2):
            which = 2 * rank + half
            if which < 3:
                share = np.take_along_axis(stack, order[which][None], 0)[0]
                number = np.where(share > 0, ids[order[which]], 0).astype(np.float32)
            else:
                share = number = np.zeros((16, 24), np.float32)
            planes += [number, share]
            ends = ("RG", "BA")[half]
            channels += [f"{name}{rank:02d}.{end.lower() if lower else end}" for end in ends]
    spec = oiio.ImageSpec(24, 16, len(planes), "float")
    spec.channelnames = tuple(channels)
    head = "cryptomatte/abc1234"
    for key, value in (
        ("name", name),
        ("hash", "MurmurHash3_32"),
        ("conversion", "uint32_to_float32"),
    ):
        spec.attribute(f"{head}/{key}", value)
    text = json.dumps({n: f"{id_of(n):08x}" for n in NAMES})
    if manifest == "header":
        spec.attribute(f"{head}/manifest", text)
    elif manifest == "beside":
        path.with_suffix(".json").write_text(text)
        spec.attribute(f"{head}/manif_file", path.with_suffix(".json").name)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    assert out.write_image(np.stack(planes, -1))
    out.close()


@pytest.fixture
def plate(tmp_path, files):
    (tmp_path / "plate").mkdir()
    files.sequence(tmp_path / "plate" / "p.####.png", range(11, 14))
    return open_reel(str(tmp_path / "plate"))


@pytest.mark.parametrize("manifest", ["header", "beside", "none"])
@pytest.mark.parametrize("lower", [False, True])
def test_an_object_by_its_name(tmp_path, plate, manifest, lower):
    for index, frame in enumerate(range(11, 14)):
        write_crypto(tmp_path / f"c.{frame:04d}.exr", index, manifest=manifest, lower=lower)
    for name in ("hero", "/set/wall"):
        source, notes = open_matte("fg", f"{tmp_path}/c.####.exr:crypto:{name}", plate=plate)
        for index in range(3):
            np.testing.assert_allclose(source.read(index), coverages(index)[name], atol=1e-6)
        assert any(f"object '{name}' of CryptoObject" in note for note in notes)


def test_patterns_lists_layers_and_invert(tmp_path, plate):
    for frame in range(11, 14):
        write_crypto(tmp_path / f"c.{frame:04d}.exr", name="ViewLayer.CryptoObject")
    both = coverages()["hero"] + coverages()["hero_hair"]
    for asked in ("hero*", "hero, hero_hair", "CryptoObject:hero*"):
        source, _ = open_matte("fg", f"{tmp_path}/c.####.exr:crypto:{asked}", plate=plate)
        np.testing.assert_allclose(source.read(0), both, atol=1e-6)
    text = f"{tmp_path}/c.####.exr:crypto:hero*:invert"
    source, _ = open_matte("fg", text, plate=plate)
    np.testing.assert_allclose(source.read(0), 1 - both, atol=1e-6)


def test_one_file_held(tmp_path, plate):
    write_crypto(tmp_path / "c.exr")
    source, notes = open_matte("fg", f"{tmp_path}/c.exr:crypto:hero", plate=plate)
    np.testing.assert_allclose(source.read(2), coverages()["hero"], atol=1e-6)
    assert any("held for all frames" in note for note in notes)


def test_unknown_names_and_no_name(tmp_path, plate):
    for frame in range(11, 14):
        write_crypto(tmp_path / f"c.{frame:04d}.exr")
    with pytest.raises(MatteError, match="knows no object 'herro'; did you mean hero"):
        open_matte("fg", f"{tmp_path}/c.####.exr:crypto:herro", plate=plate)
    with pytest.raises(
        MatteError, match=r"is a Cryptomatte: choose with .*crypto:OBJECT; it holds"
    ):
        open_matte("fg", f"{tmp_path}/c.####.exr", plate=plate)
    with pytest.raises(MatteError, match="expected something in at least one frame, got nothing"):
        open_matte("fg", f"{tmp_path}/c.####.exr:crypto:default", plate=plate)


def test_no_cryptomatte(tmp_path, files, plate):
    for frame in range(11, 14):
        files.still(tmp_path / f"m.{frame:04d}.exr", np.ones((16, 24, 3)), "half")
    with pytest.raises(MatteError, match="expected a Cryptomatte, got none"):
        open_matte("fg", f"{tmp_path}/m.####.exr:crypto:hero", plate=plate)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": null}', '{"a": "zz"}', '"x"', '{"a":' * 500])
def test_a_broken_manifest_is_as_none(tmp_path, plate, text):
    write_crypto(tmp_path / "c.exr", manifest="beside")
    (tmp_path / "c.json").write_text(text)
    source, _ = open_matte("fg", f"{tmp_path}/c.exr:crypto:hero", plate=plate)
    assert source.read(0).max() == 1
