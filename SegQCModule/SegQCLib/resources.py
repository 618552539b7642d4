"""Where the files that come with SegQC are: beside the package in Slicer and in the source tree, inside it in a wheel."""

from pathlib import Path


def resource(relative: str) -> Path:
    """Return the path of a shipped file or folder, for example `Protocols`.

    Raises
    ------
    FileNotFoundError
        If it is not there: then the installation is incomplete.
    """
    package = Path(__file__).parent
    for folder in (package.parent / "Resources", package / "Resources"):
        if (folder / relative).exists():
            return folder / relative
    raise FileNotFoundError(f"SegQC's own file {relative} is missing from {package}; install SegQC again.")
