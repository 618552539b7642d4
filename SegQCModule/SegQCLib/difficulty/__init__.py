"""Expected expert agreement: what Dice experts reach among themselves on an image, predicted from what makes it hard."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from SegQCLib.difficulty.model_file import DifficultyModel


def load_model(name: str | Path) -> DifficultyModel:
    """Return a difficulty model.

    Parameters
    ----------
    name : str or Path
        Id of a shipped model, such as lung-nodule-ct, or the path of a model file (ending in .json).

    Raises
    ------
    BadDataError
        If there is no such model, or its file is faulty.
    """
    from SegQCLib.difficulty.model_file import read_model

    if Path(name).suffix.lower() == ".json":
        return read_model(Path(name))
    return _shipped(str(name))


@cache
def _shipped(name: str) -> DifficultyModel:
    from SegQCLib.difficulty.model_file import read_model
    from SegQCLib.errors import BadDataError
    from SegQCLib.resources import resource

    paths = {path.stem: path for path in resource("Models").glob("*.json")}
    if name not in paths:
        raise BadDataError(
            name, "is not a difficulty model that comes with SegQC.",
            f"There are {', '.join(sorted(paths)) or 'none'}; a model of your own is named by its .json file.",
        )  # fmt: skip
    return read_model(paths[name])
