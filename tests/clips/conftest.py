# SPDX-License-Identifier: Apache-2.0
"""Scripts that lie beside the package, imported as they import each other."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def scripts_of() -> Callable[..., list[ModuleType]]:
    """Import scripts of a folder by name: ``scripts_of("examples", "make_clip")``."""

    def imported(folder: str, *names: str) -> list[ModuleType]:
        sys.path.insert(0, str(ROOT / folder))
        try:
            return [import_module(name) for name in names]
        finally:
            sys.path.remove(str(ROOT / folder))

    return imported
