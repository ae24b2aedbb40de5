# SPDX-License-Identifier: Apache-2.0
import importlib
import sys
from pathlib import Path

import blink_kernel
import nuke_script
import pytest
from described_passes import described
from fake_nuke import FakeNuke

sys.modules.setdefault("nuke", FakeNuke())  # so that the plug-in's modules can be imported
GIZMOS = Path(__file__).parents[2] / "nuke_gizmo" / "gizmos"


@pytest.fixture(scope="session")
def tcl() -> str:
    found = nuke_script.tcl()
    if found is None:
        pytest.skip("neither tclsh nor Python's tkinter is here")
    return found


@pytest.fixture
def nuke(monkeypatch: pytest.MonkeyPatch, tcl: str) -> FakeNuke:
    """The stand-in, in place of the module, with our gizmos on its plug-in path."""
    module = FakeNuke({path.stem: path.read_text() for path in GIZMOS.glob("*.gizmo")})
    monkeypatch.setitem(sys.modules, "nuke", module)
    for name in [name for name in sys.modules if name.split(".")[0] == "pullfocus_nuke"]:
        loaded = sys.modules[name]
        if hasattr(loaded, "nuke"):
            monkeypatch.setattr(loaded, "nuke", module)
    importlib.invalidate_caches()
    return module


@pytest.fixture(scope="session")
def compiler() -> str:
    found = blink_kernel.compiler()
    if found is None:
        pytest.skip("no C++ compiler to run Blink kernels with")
    return found


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A draft of the bundled clip, solved and baked: x.solve and passes, in one folder."""
    from pullfocus.cli import run

    folder = tmp_path_factory.mktemp("market")
    clip = Path(__file__).parents[1] / "clips" / "market"
    plate, alpha = (str(clip / f"{name}.####.png") for name in ("plate", "alpha"))
    solve = ["solve", plate, "--quality", "draft", "--matte", f"fg={alpha}", "--seed", "1"]
    assert run([*solve, "--steps", "240", "--out", str(folder / "x.solve")]) == 0
    assert run(["bake", str(folder / "x.solve"), "--out", str(folder / "passes")]) == 0
    return folder


@pytest.fixture
def group(nuke, tmp_path: Path):
    """A PullFocus that has imported passes of three frames, at the second."""
    from pullfocus_nuke import importing

    nuke.frame(1002)
    node = importing.import_passes(str(described(tmp_path / "passes")))
    assert nuke.messages == []
    return node
