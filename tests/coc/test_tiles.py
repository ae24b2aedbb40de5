# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from pullfocus.coc.tiles import TILE_PX, cut_tiles, is_sharp, load_bank, save_bank
from pullfocus.errors import PullfocusError


def textured(seed: int = 0, side: int = TILE_PX) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


def test_a_tile_with_a_blurred_part_is_refused():
    tile = textured()
    assert is_sharp(tile)
    shallow = tile.copy()
    shallow[:, 150:] = cv2.GaussianBlur(tile, (0, 0), 6)[:, 150:]
    assert not is_sharp(shallow)


def test_cutting_leaves_blurred_halves_out():
    picture = textured(side=2 * TILE_PX)
    picture[:, TILE_PX:] = cv2.GaussianBlur(picture, (0, 0), 6)[:, TILE_PX:]
    found = list(cut_tiles(picture, most=9))
    assert len(found) == 3  # the left column: top, half way, bottom
    assert len(list(cut_tiles(picture, most=2))) == 2
    assert all(is_sharp(tile) for tile in found)


def test_a_bank_comes_back_and_says_when_there_is_none(tmp_path):
    save_bank(tmp_path / "bank", [textured(1)], [textured(2), textured(3)])
    bank = load_bank(tmp_path / "bank")
    assert (bank.photo[0] == textured(1)).all()
    assert len(bank.texture) == 2
    drawn = bank.draw(np.random.default_rng(0), photo_share=1.0)
    assert (drawn == textured(1)).all()
    with pytest.raises(PullfocusError, match="expected sharp tiles in"):
        load_bank(tmp_path)
    np.save(tmp_path / "bank" / "photo.npy", np.zeros((1, 8, 8, 3), np.uint8))
    with pytest.raises(PullfocusError, match="expected uint8 tiles of 288x288x3"):
        load_bank(tmp_path / "bank")


def test_an_empty_kind_gives_way_to_the_other(tmp_path):
    save_bank(tmp_path, [], [textured(5)])
    drawn = load_bank(tmp_path).draw(np.random.default_rng(0), photo_share=1.0)
    assert (drawn == textured(5)).all()
    save_bank(tmp_path, [], [])
    assert load_bank(tmp_path).draw(np.random.default_rng(0)) is None
