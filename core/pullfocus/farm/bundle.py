# SPDX-License-Identifier: Apache-2.0
"""A job bundle on disk: what ``deadline bundle submit`` and ``openjd run`` take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pullfocus.checkpoint import replacing
from pullfocus.errors import PullfocusError
from pullfocus.farm.job import Job

__all__ = ["PARAMETERS", "TEMPLATE", "write_bundle"]

TEMPLATE = "template.yaml"
VALUES = "parameter_values.yaml"
ASSETS = "asset_references.yaml"
PARAMETERS = "openjd_parameters.yaml"
"""The same values as `VALUES`, as ``openjd run --job-param file://...`` reads them."""
_HEAD = "# Written by pullfocus farm; made again by it.\n"


def write_bundle(job: Job, out: Path) -> Path:
    """Write a job bundle; an earlier one of pullfocus in the folder is replaced file by file.

    Returns:
        The template.

    Raises:
        PullfocusError: the folder holds a template of somebody else, or cannot be written.
    """
    values = {one.name: one.value for one in job.parameters}
    listed = [{"name": name, "value": value} for name, value in values.items()]
    assets = {
        "inputs": {"filenames": list(job.inputs), "directories": []},
        "outputs": {"directories": list(job.outputs)},
        "referencedPaths": list(job.referenced),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PullfocusError(f"cannot write a job to {out}: {error.strerror}") from error
    template = out / TEMPLATE
    if template.exists() and not template.read_bytes().startswith(_HEAD.encode()):
        raise PullfocusError(f"expected a job of pullfocus or a new folder, got {template}")
    _write(out / ASSETS, {"assetReferences": assets})
    _write(out / VALUES, {"parameterValues": listed})
    _write(out / PARAMETERS, values)
    _write(template, job.template)
    return template


def _write(path: Path, document: dict[str, Any]) -> None:
    import yaml

    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000)
    with replacing(path) as beside:
        beside.write_text(_HEAD + text, encoding="utf-8")
