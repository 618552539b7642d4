"""Cases from an nnU-Net data set: its images, its labels as reference, and predictions as candidates.

<folder>/dataset.json                        channels, labels and, in version 2, the ending of the files
         imagesTr|imagesTs/<case>_0000.nii.gz   one file for each channel
         labelsTr|labelsTs/<case>.nii.gz
         predictions*/<case>.nii.gz

Format: nnU-Net, documentation/dataset_format.md (version 2), and the Medical Segmentation Decathlon's (version 1, in which a file
may have no channel number).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.cohort.cohort_case import CaseFault, CohortCase
from SegQCLib.cohort.sources.case_names import shown
from SegQCLib.cohort.sources.found_cases import FoundCases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.cohort.sources.walk import entries
from SegQCLib.errors import BadDataError
from SegQCLib.importers.label_names import read_label_names
from SegQCLib.words import few
from SegQCLib.worklist import by_number

_TABLE = "dataset.json"
_ENDING = ".nii.gz"
_SPLITS = (("imagesTr", "labelsTr"), ("imagesTs", "labelsTs"))
_PREDICTIONS = "predictions"
_CHANNEL = re.compile(r"(.+)_(\d{4})")


@dataclass(frozen=True)
class _Split:
    """Training or test: images by case and channel (None: the file has no number), labels by case."""

    name: str
    images: dict[str, dict[int | None, Path]]
    labels: dict[str, Path]


def recognises(folder: Path) -> bool:
    """Return whether a folder is laid out as an nnU-Net data set."""
    return (folder / _TABLE).is_file() and any((folder / images).is_dir() for images, _ in _SPLITS)


def read(folder: Path, options: SourceOptions) -> FoundCases:
    """Return a case for each prediction, and one with its fault for each image that other images' predictions stand beside.

    The labels of the same case are its reference. The label table is dataset.json, where it names each label.

    Raises
    ------
    BadDataError
        If dataset.json cannot be read, or it is not clear which folder holds the predictions.
    """
    notes: list[str] = []
    dataset = _dataset(folder / _TABLE)
    ending = str(dataset.get("file_ending") or _ENDING)
    predicted = _by_case(_predictions(folder, options), ending, notes)
    splits = [_split(folder, names, ending, predicted, notes) for names in _SPLITS]
    labels = _labels(folder / _TABLE, notes)
    names = _channel_names(dataset)
    if len(names) > 1:
        chosen = f" ({names[options.channel]})" if options.channel in names else ""
        notes.append(f"Of {len(names)} channels, channel {options.channel}{chosen} is the image.")
    cases = [_case(case, path, splits, labels, options.channel) for case, path in predicted.items()]
    for split in splits:
        missing = [case for case in split.images if case not in predicted]
        if split.images and len(missing) == len(split.images):
            notes.append(f"{split.name}: passed over, because none of its {len(missing)} images has a prediction.")
            continue
        for case in missing:
            fault = CaseFault(
                shown(folder / split.name),
                f"has an image of {shown(case)}, and there is no prediction of it.",
                "Predict this case too, or take its image out of the set.",
            )
            image = split.images[case].get(options.channel, split.images[case].get(None))
            cases.append(CohortCase(shown(case), image, None, labels=labels, fault=fault))
    return FoundCases("nnunet", tuple(sorted(cases, key=lambda case: (by_number(case.case), case.case))), tuple(notes))


def _dataset(path: Path) -> dict:
    if path.exists() and not path.is_file():
        # Reading a pipe may never end.
        raise BadDataError(shown(path), "is not a file.", "Give the folder of an nnU-Net data set.")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadDataError(shown(path), f"cannot be read ({error.strerror}).", "Give the folder of an nnU-Net data set.") from error
    except (ValueError, RecursionError) as error:
        raise BadDataError(
            shown(path), f"is not JSON text ({error}).", "Write it again as nnU-Net's documentation says."
        ) from error
    if not isinstance(content, dict):
        raise BadDataError(shown(path), "is not a JSON object.", "Write it again as nnU-Net's documentation says.")
    return content


def _channel_names(dataset: dict) -> dict[int, str]:
    """Return the names of the channels: channel_names in version 2, modality in version 1."""
    names = dataset.get("channel_names", dataset.get("modality"))
    if not isinstance(names, dict):
        return {}
    return {int(number): str(name) for number, name in names.items() if re.fullmatch("[0-9]{1,8}", str(number))}


def _labels(path: Path, notes: list[str]) -> str | None:
    try:
        read_label_names(str(path))
    except BadDataError as error:
        notes.append(f"{shown(error.where)}: {error.found} {error.remedy} Without it, --labels says what the numbers mean.")
        return None
    return str(path)


def _predictions(folder: Path, options: SourceOptions) -> Path:
    if options.predictions is not None:
        # As given, or as the set's own documentation would name it.
        for place in (options.predictions, folder / options.predictions):
            if place.is_dir():
                return place
        raise BadDataError(shown(options.predictions), "is not a folder.", "Give the folder that nnU-Net's predictions are in.")
    named = [item for item in entries(folder, [])[0] if item.name.casefold().startswith(_PREDICTIONS)]
    if len(named) == 1:
        return named[0]
    found = f"has {len(named)} folders whose names begin with {_PREDICTIONS}"
    listed = f": {few([shown(item.name) for item in named])}." if named else "."
    raise BadDataError(shown(folder), found + listed, "Say which folder holds the predictions (--predictions).")


def _split(folder: Path, names: tuple[str, str], ending: str, predicted: Collection[str], notes: list[str]) -> _Split:
    images, labels = names
    files = _by_case(folder / images, ending, notes)
    labelled = _by_case(folder / labels, ending, notes)
    # In version 1 a set of one channel may do without numbers, and its cases may end in four digits of their own.
    is_numbered = not any(stem in predicted or stem in labelled for stem in files)
    by_case: dict[str, dict[int | None, Path]] = {}
    for stem, path in files.items():
        found = _CHANNEL.fullmatch(stem)
        if not is_numbered:
            by_case[stem] = {None: path}
        elif found:
            by_case.setdefault(found[1], {})[int(found[2])] = path
        else:
            notes.append(f"{images}: {shown(path.name)} was passed over, because it has no channel number (_0000).")
    return _Split(images, by_case, labelled)


def _by_case(folder: Path, ending: str, notes: list[str]) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    files = entries(folder, notes)[1]
    found = {path.name[: -len(ending)]: path for path in files if path.name.endswith(ending) and len(path.name) > len(ending)}
    # dataset.json, plans.json and the like are no cases.
    strangers = Counter(
        "".join(path.suffixes[-2:])
        for path in files
        if not (path.name.endswith(ending) and len(path.name) > len(ending)) and path.suffix != ".json"
    )
    if strangers:
        listed = ", ".join(f"{count} x {suffix or 'without ending'}" for suffix, count in sorted(strangers.items()))
        notes.append(f"{shown(folder.name)}: files with another ending than {ending} were passed over: {listed}.")
    return found


def _case(case: str, prediction: Path, splits: list[_Split], labels: str | None, channel: int) -> CohortCase:
    having = [split for split in splits if case in split.images]
    references = tuple(split.labels[case] for split in having if case in split.labels)
    image, fault = None, None
    if not having:
        fault = CaseFault(
            shown(prediction),
            f"is a prediction of {shown(case)}, of which there is no image in {few([split.name for split in splits])}.",
            "Copy the image into the set, or take the prediction out.",
        )
    elif len(having) > 1:
        fault = CaseFault(
            shown(prediction),
            f"may be of the image {shown(case)} in {having[0].name} or in {having[1].name}.",
            "Rename one of the two cases.",
        )
    else:
        channels = having[0].images[case]
        image = channels.get(channel, channels.get(None))
        if image is None:
            fault = CaseFault(
                shown(prediction),
                f"is a prediction of {shown(case)}, which has no channel {channel}"
                f" (it has {', '.join(f'{number:04d}' for number in sorted(channels))}).",
                "Copy the file of this channel into the set, or choose another channel.",
            )
    return CohortCase(shown(case), image, prediction, references if len(having) == 1 else (), labels=labels, fault=fault)
