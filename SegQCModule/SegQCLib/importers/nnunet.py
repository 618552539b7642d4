"""What the files that nnU-Net writes beside its predictions say: label names, model and settings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.errors import BadDataError
from SegQCLib.importers.draft_algorithm import DraftAlgorithm
from SegQCLib.importers.label_names import read_label_names
from SegQCLib.importers.label_table import LabelTable

# A model's folder is named trainer__plans__configuration.
_MODEL_FOLDER = re.compile(r"(?:^|[/\\])([A-Za-z0-9]\w*?)__(\w+?)__(\w+)")
_SETTINGS = {
    "use_folds": "folds",
    "folds": "folds",
    "checkpoint_name": "checkpoint",
    "chk": "checkpoint",
    "tile_step_size": "step",
    "use_mirroring": "mirroring",
}


@dataclass(frozen=True)
class PredictionFiles:
    """What stands beside an nnU-Net prediction.

    Attributes
    ----------
    table : LabelTable or None
        None where dataset.json does not name each label; `table_fault` says why.
    algorithm : DraftAlgorithm
        nnU-Net writes no version of itself; the data set's name stands for the trained model.
    """

    table: LabelTable | None
    table_fault: str
    algorithm: DraftAlgorithm


def prediction_files(folder: Path) -> PredictionFiles | None:
    """Return what the dataset.json in a folder or its parent, and the files beside it, say; None if there is none."""
    for place in (folder, folder.parent):
        if (place / "dataset.json").is_file():
            table, fault = None, ""
            try:
                table = read_label_names(str(place / "dataset.json"))
            except BadDataError as error:
                fault = f"{error.found} {error.remedy}"
            return PredictionFiles(table, fault, _algorithm(place, folder))
    return None


def _algorithm(place: Path, folder: Path) -> DraftAlgorithm:
    plans = _object(place / "plans.json")
    arguments = _object(place / "predict_from_raw_data_args.json")
    dataset = plans.get("dataset_name")
    settings: dict[str, str] = {}
    places = (*(value for value in arguments.values() if isinstance(value, str)), str(folder))
    model = next((match for match in map(_MODEL_FOLDER.search, places) if match), None)
    if model is not None:
        settings.update(zip(("trainer", "plans", "configuration"), model.groups(), strict=True))
    elif isinstance(plans.get("plans_name"), str):
        settings["plans"] = plans["plans_name"]
    settings.update(_written_settings(arguments))
    return DraftAlgorithm(
        name=f"nnU-Net {dataset}" if isinstance(dataset, str) else "nnU-Net",
        parameters="; ".join(f"{key}={value}" for key, value in settings.items()) or None,
    )


def _written_settings(arguments: dict) -> Iterator[tuple[str, str]]:
    for key, word in _SETTINGS.items():
        value = arguments.get(key)
        if value is not None:
            yield word, ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _object(path: Path) -> dict:
    """Return a JSON object, empty if the file is missing or another thing: these facts are a convenience."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
