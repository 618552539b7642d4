"""Find and read a label table: one that SegQC brings, an nnU-Net dataset.json, a JSON of names, or the look-up table of BIDS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from SegQCLib.dataclass_json import FaultyJSONError, from_json
from SegQCLib.errors import BadDataError
from SegQCLib.importers.label_lookup import read_label_lookup
from SegQCLib.importers.label_table import LabelName, LabelTable
from SegQCLib.resources import resource

SHIPPED = ("totalsegmentator", "totalsegmentator_mr")

_FORMS = 'Names are written as {"liver": 5} or {"5": "liver"}, alone or under "labels" as in nnU-Net\'s dataset.json.'


def read_label_names(labels: str) -> LabelTable:
    """Return a label table.

    Parameters
    ----------
    labels : str
        `totalsegmentator`, `totalsegmentator_mr`, or the path of a JSON file: an nnU-Net dataset.json
        (version 1 or 2), names as {"liver": 5} or {"5": "liver"}, or a `LabelTable` as JSON, which can give codes and
        colours to names; or of a BIDS look-up table (dseg.tsv: index, name, color). Background (0) is left out.

    Raises
    ------
    BadDataError
        If the file is missing or not such a table; all faults are named at once.
    """
    if labels in SHIPPED:
        return from_json(LabelTable, resource(f"Labels/{labels}.json").read_text(encoding="utf-8"))
    path = Path(labels)
    if not path.is_file():
        raise BadDataError(labels, "is not a label table.", f"Give {', '.join(SHIPPED)} or the path of a JSON file with names.")
    if path.suffix.lower() == ".tsv":
        return read_label_lookup(path)
    content = _json_object(path)
    if isinstance(content.get("labels"), list):
        return _table_with_codes(path, content)
    is_dataset = isinstance(content.get("labels"), dict)
    entries = content["labels"] if is_dataset else content
    faults: list[str] = []
    named = tuple(_named_numbers(entries, faults))
    # nnU-Net gives the highest number to voxels that nobody annotated; in a plain list of names the word means nothing.
    ignored = next((number for number, name in named if is_dataset and name == "ignore"), None)
    table = LabelTable(
        title=path.name,
        source=str(path),
        labels=tuple(LabelName(number, name) for number, name in named if number != 0 and number != ignored),
        ignored=ignored,
    )
    faults.extend(text for label in table.labels for _, text in label.faults())
    faults.extend(text for _, text in table.faults())
    if not named and not faults:
        faults.append("it names no label")
    if faults:
        raise BadDataError(path, "is not a usable label table: " + "; ".join(faults) + ".", _FORMS)
    return table


def _table_with_codes(path: Path, content: dict) -> LabelTable:
    try:
        return from_json(LabelTable, json.dumps(content))
    except FaultyJSONError as error:
        listed = "".join(f"\n  {fault}" for fault in error.faults)
        raise BadDataError(path, "is not a usable label table.", f"Correct:{listed}") from error


def _json_object(path: Path) -> dict:
    repeated: list[str] = []

    def unique(pairs: list[tuple[str, object]]) -> dict:
        keys = [key for key, _ in pairs]
        repeated.extend(key for key in dict.fromkeys(keys) if keys.count(key) > 1)
        return dict(pairs)

    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise BadDataError(path, f"is not JSON text ({error}).", _FORMS) from error
    if not isinstance(content, dict):
        raise BadDataError(path, "is not a JSON object with names.", _FORMS)
    if repeated:
        raise BadDataError(path, f"gives {', '.join(map(repr, repeated))} more than once.", "Keep one of each.")
    return content


def _named_numbers(entries: dict, faults: list[str]) -> Iterator[tuple[int, str]]:
    by_number = all(isinstance(value, str) for value in entries.values())
    for key, value in entries.items():
        if by_number:
            if key.strip().isascii() and key.strip().isdigit():
                yield int(key), value
            else:
                faults.append(f"{key!r} is not a label number")
        elif isinstance(value, list):
            faults.append(
                f"{key!r} is a region of several labels ({', '.join(map(str, value))}), and regions are not read:"
                " write a JSON that names each number in the label map"
            )
        elif isinstance(value, int) and not isinstance(value, bool):
            yield value, key
        else:
            faults.append(f"{key!r} has {json.dumps(value)[:60]} instead of a whole number")
