# SPDX-License-Identifier: Apache-2.0
"""Bundles on disk: to the letter what they were, and refused where they could not run."""

import re
from pathlib import Path

import pytest
import yaml
from openjd.model import decode_job_template
from pullfocus import cli
from pullfocus.solve.inputs import ShotInputs
from pullfocus.solve.memory import memory_estimate_mb

from tests.farm.golden_bundles import CASES, FILES, GOLDEN, PLAIN, studio, told, written

EXTENSIONS = ["TASK_CHUNKING"]


@pytest.mark.parametrize("case", CASES)
def test_a_bundle_is_what_it_was_to_the_letter(case: str, tmp_path: Path) -> None:
    root = studio(tmp_path / "studio")
    found = told(written(case, root), root)
    for name in FILES:
        expected = (GOLDEN / case / name).read_text(encoding="utf-8")
        assert found[name] == expected, f"{name}: meant? python -m tests.farm.golden_bundles"


@pytest.mark.parametrize("case", CASES)
def test_golden_templates_follow_the_specification(case: str) -> None:
    template = yaml.safe_load((GOLDEN / case / "template.yaml").read_text().replace("MEMORY", "9"))
    decoded = decode_job_template(template=template, supported_extensions=EXTENSIONS)
    values = yaml.safe_load((GOLDEN / case / "parameter_values.yaml").read_text())
    given = {one["name"]: one["value"] for one in values["parameterValues"]}
    assert set(given) == {one.name for one in decoded.parameterDefinitions}
    assert given == yaml.safe_load((GOLDEN / case / "openjd_parameters.yaml").read_text())
    for step in template["steps"]:
        action = step["script"]["actions"]["onRun"]
        assert action["timeout"] > 0
        assert action["cancelation"]["mode"] == "NOTIFY_THEN_TERMINATE"
        used = set(re.findall(r"\{\{Param\.(\w+)\}\}", " ".join(action["args"])))
        assert used <= set(given)


def test_a_machine_must_have_what_a_solve_takes(tmp_path: Path) -> None:
    from pullfocus.solve.presets import preset_settings

    root = studio(tmp_path / "studio")
    text = (written("solve_and_bake", root) / "template.yaml").read_text()
    inputs = ShotInputs(
        plate=f"{root}/plate", mattes=(("fg", f"{root}/matte"),), colorspace="srgb_texture"
    )
    needed = memory_estimate_mb(inputs.open(), preset_settings("fast", quality="draft"))
    amounts = yaml.safe_load(text)["steps"][0]["hostRequirements"]["amounts"]
    assert {one["name"]: one["min"] for one in amounts}["amount.worker.memory"] == round(
        needed * 1e6 / 2**20
    )


def test_a_layer_that_is_still_to_be_found_takes_memory_too(tmp_path: Path) -> None:
    root = studio(tmp_path / "studio")
    with_matte = (written("solve_and_bake", root) / "template.yaml").read_text()
    plate, *rest = (word.format(studio=root) for word in PLAIN)
    rest = [word for word in rest if word != "--matte" and not word.startswith("fg=")]
    frame, out = ShotInputs(plate=plate).open().frames[1], tmp_path / "boxed"
    words = ["farm", plate, *rest, "--box", f"fg:{frame}=4,4,20,20", "--out", str(out)]
    assert cli.run(words) == 0
    boxed = (out / "template.yaml").read_text()
    needs = [
        [step["hostRequirements"] for step in yaml.safe_load(text)["steps"][:2]]
        for text in (with_matte, boxed)
    ]
    assert needs[0] == needs[1]


def test_a_proxy_is_finished_by_a_step_of_its_own(tmp_path: Path) -> None:
    root = studio(tmp_path / "studio")
    template = yaml.safe_load((written("on_a_proxy", root) / "template.yaml").read_text())
    solve, finish, bake = template["steps"]
    assert [step["name"] for step in (solve, finish, bake)] == ["Solve", "Finish", "Bake"]
    words = [step["script"]["actions"]["onRun"]["args"] for step in (solve, finish)]
    assert words[0] == [*words[1], "--no-finish"]  # the same command goes on
    assert finish["dependencies"] == [{"dependsOn": "Solve"}]
    assert bake["dependencies"] == [{"dependsOn": "Finish"}]
    for words in (["--memory", "0.001"], ["--proxy", "12"]):
        base = [word.format(studio=root) for word in PLAIN]
        assert cli.run(["farm", *base, *words, "--out", str(root / "other")]) == 2
    assert not (root / "other").exists()


def test_marks_are_the_jobs_and_their_pictures_paths(tmp_path: Path) -> None:
    root = studio(tmp_path / "studio")
    plate, *rest = (word.format(studio=root) for word in PLAIN)
    rest = [word for word in rest if word != "--matte" and not word.startswith("fg=")]
    frame = ShotInputs(plate=plate).open().frames[1]
    key = next(iter(sorted((root / "matte").iterdir())))
    marks = ["--key", f"fg:{frame}={key}", "--box", f"fg:{frame + 1}=4,4,20,20"]
    out = tmp_path / "job"
    assert cli.run(["farm", plate, *rest, *marks, "--keep-sharp", "fg", "--out", str(out)]) == 0
    template = yaml.safe_load((out / "template.yaml").read_text())
    decode_job_template(template=template, supported_extensions=EXTENSIONS)
    solve, bake, _ = (step["script"]["actions"]["onRun"]["args"] for step in template["steps"])
    name = f"Key_fg_{frame}"
    assert f"--key=fg:{frame}={{{{Param.{name}}}}}" in solve
    assert f"--box=fg:{frame + 1}=4,4,20,20" in solve
    assert not [word for word in bake if word.startswith(("--key", "--box"))]
    kinds = {one["name"]: one["type"] for one in template["parameterDefinitions"]}
    assert kinds[name] == "PATH"
    values = yaml.safe_load((out / "openjd_parameters.yaml").read_text())
    assert values[name] == str(key)
    assets = yaml.safe_load((out / "asset_references.yaml").read_text())["assetReferences"]
    assert str(key) in assets["inputs"]["filenames"]


def test_made_again_in_its_folder_but_not_over_another_s(tmp_path: Path, capfd) -> None:
    root = studio(tmp_path / "studio")
    out = written("solve_and_bake", root)
    (out / "plate.solve").mkdir()
    assert written("no_matte_from_a_folder", root) == out
    assert (out / "plate.solve").is_dir()
    assert "Matte_fg" not in (out / "template.yaml").read_text()
    (out / "template.yaml").write_text("name: mine\n")
    capfd.readouterr()
    words = [word.format(studio=root) for word in PLAIN]
    assert cli.run(["farm", *words, "--out", str(out)]) == 2
    assert "expected a job of pullfocus or a new folder" in capfd.readouterr().err
    assert (out / "template.yaml").read_text() == "name: mine\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--frames", "1-9"], "lacks frames 5-9"),
        (["--steps", "5", "--minutes", "1"], "expected --steps or --minutes, got both"),
        (["--preset", "paper-coc-given"], "expected --coc with the preset"),
        (["--focus", "cat"], r"expected a layer of the shot \(fg, bg\), got 'cat'"),
        (["--keep-sharp", "fg,cat"], r"expected a layer of the shot \(fg, bg\), got 'cat'"),
        (["--focus", "9:fg"], "--focus: expected a frame of the shot, got 9"),
        (["--focus", "5,5@9"], "--focus: expected a frame of the shot, got 9"),
        (["--focus", "fg", "--focus-point", "1,1@1"], "--focus or --focus-point, got both"),
        (["--kernel", "gone.png"], "expected a readable picture, got gone.png"),
        (["--blades", "2"], "blades"),
        (["--atlas", "bg=gone.exr"], "expected a painted atlas, got no file at gone.exr"),
        (["--atlas", "cat=gone.exr"], "expected a layer of the shot"),
        (["--key", "cat:1=gone.png"], "gone.png|--key 1 of cat"),
        (["--restart"], "No such option"),
    ],
)
def test_what_would_fail_on_the_farm_is_refused_here(
    words: list[str], line: str, tmp_path: Path, capfd
) -> None:
    root = studio(tmp_path / "studio")
    base = [word.format(studio=root) for word in PLAIN]
    assert cli.run(["farm", *base, "--out", str(tmp_path / "job"), *words]) == 2
    said = capfd.readouterr().err.splitlines()
    assert re.search(line, said[-1])
    assert not (tmp_path / "job").exists()


def test_every_option_of_the_verbs_is_an_option_of_the_farm(capfd) -> None:
    def options(verb: str) -> set[str]:
        assert cli.run([verb, "--help"]) == 0
        return set(re.findall(r"(--[a-z][a-z-]+)", capfd.readouterr().out))

    theirs = options("solve") | options("bake") | options("refocus")
    # a requeued task goes on and leaves what is there; --plate is the argument PLATE; nobody waits
    # for a preview on a farm
    never = {"--restart", "--skip-existing", "--plate", "--preview", "--full-quality"}
    never |= {"--finish", "--no-finish"}  # a step of its own
    assert theirs - options("farm") == never
