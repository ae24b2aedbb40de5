# SPDX-License-Identifier: Apache-2.0
"""Translations: whole, and of texts that the extension shows."""

from pathlib import Path

import pytest

from blender_addon.words import LABELS, LANGUAGES, TOOLTIPS, table

ADDON = Path(__file__).parents[2] / "blender_addon"
SOURCE = "\n".join(
    path.read_text(encoding="utf-8") for path in ADDON.glob("*.py") if path.name != "words.py"
)
WIDEST = 30
"""Characters of the longest label: more are cut in a sidebar."""


@pytest.mark.parametrize("text", [*LABELS, *TOOLTIPS])
def test_text_is_shown_by_the_extension(text: str) -> None:
    joined = SOURCE.replace('"\n        "', "").replace('"\n            "', "")
    assert f'"{text}"' in SOURCE or f'"""{text}"""' in SOURCE or f'"{text}"' in joined


@pytest.mark.parametrize("text", [*LABELS, *TOOLTIPS])
def test_every_language_has_it(text: str) -> None:
    row = {**LABELS, **TOOLTIPS}[text]
    assert len(row) == len(LANGUAGES)
    assert all(row)
    ja, zh = row[LANGUAGES.index("ja")], row[LANGUAGES.index("zh")]
    assert any(ord(letter) > 0x2E80 for letter in ja + zh)


@pytest.mark.parametrize("text", list(LABELS))
def test_labels_are_short(text: str) -> None:
    assert max(map(len, LABELS[text])) <= max(WIDEST, len(text) + 4)


def test_locales_are_those_of_blender() -> None:
    found = table(("en_US", "de_DE", "es", "zh_HANS", "zh_HANT", "pt_BR"))
    assert sorted(found) == ["de_DE", "es", "zh_HANS"]
    assert found["de_DE"]["Operator", "Solve"] == found["de_DE"]["*", "Solve"] == "Lösen"
