"""Read a JSON file that SegQC wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from SegQCLib.dataclass_json import FaultyJSONError, from_json
from SegQCLib.errors import BadDataError

T = TypeVar("T")


def read_json_file(cls: type[T], path: Path, what: str, remedy: str) -> T:
    """Return what a file holds as an instance of the dataclass `cls`.

    Parameters
    ----------
    cls : type
    path : Path
    what : str
        What the file should be, with its article, as messages call it: "a receipt".
    remedy : str
        What to do about a file that is something else, a sentence.

    Raises
    ------
    BadDataError
        If it cannot be read, or is something else; with the first fault and the number of the others.
    """
    try:
        return from_json(cls, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadDataError(path, f"cannot be read ({error.strerror}).", f"{remedy} Or ask for the right to read it.") from error
    except UnicodeDecodeError as error:
        raise BadDataError(path, f"is not {what}: it is no UTF-8 text.", remedy) from error
    except FaultyJSONError as error:
        more = len(error.faults) - 1
        others = f" ({more} more {'faults' if more > 1 else 'fault'})" if more else ""
        raise BadDataError(path, f"is not {what}: {error.faults[0]}{others}.", remedy) from error
