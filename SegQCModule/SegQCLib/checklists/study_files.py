"""What fills a checklist beside records, logs and protocol: files that segqc wrote about a study, told by their schema."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from SegQCLib.errors import BadDataError

_REMEDY = (
    "Choose what segqc agreement --study, segqc study --json or segqc quality study --json wrote, or the provenance.json of"
    " segqc export nnunet."
)


@dataclass(frozen=True)
class StudyFiles:
    """Files about a study, by the names under which `collect_facts` takes them. None: not given.

    Attributes
    ----------
    agreement : Path or None
        Agreement of the readers.
    consistency : Path or None
        Uniformity of the images.
    quality : Path or None
        Image quality over the study.
    dataset : Path or None
        Folder of an exported data set.
    """

    agreement: Path | None = None
    consistency: Path | None = None
    quality: Path | None = None
    dataset: Path | None = None

    def with_file(self, path: Path) -> StudyFiles:
        """Return these files with one more, in place of an earlier one of its kind.

        Raises
        ------
        BadDataError
            If it is no JSON file, or about something else.
        """
        schema = _schema(path)
        if schema == "segqc-study-agreement":
            return replace(self, agreement=path)
        if schema == "segqc-study-consistency":
            return replace(self, consistency=path)
        if schema == "segqc-quality-study":
            return replace(self, quality=path)
        if schema == "segqc-training-provenance":
            return replace(self, dataset=path.parent)
        raise BadDataError(path, f"is of another kind ({schema}).", _REMEDY)

    def existing(self) -> tuple[StudyFiles, tuple[str, ...]]:
        """Return those that are there, and a sentence for each that is not."""
        gone = [(name, path) for name, path in asdict(self).items() if path is not None and not path.exists()]
        notes = tuple(f"{path}: is not there any more, and was not read." for _, path in gone)
        return replace(self, **{name: None for name, _ in gone}), notes

    @property
    def named(self) -> tuple[tuple[str, Path], ...]:
        """What each file that was given tells, and where it is."""
        told = {
            "agreement of the readers": self.agreement,
            "uniformity of the images": self.consistency,
            "image quality over the study": self.quality,
            "exported data set": self.dataset,
        }
        return tuple((words, path) for words, path in told.items() if path is not None)


def _schema(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", _REMEDY) from error
    except (ValueError, RecursionError) as error:
        raise BadDataError(path, "is no JSON file.", _REMEDY) from error
    schema = content.get("schema") if isinstance(content, dict) else None
    return schema if isinstance(schema, str) else "it does not say which"
