"""The one exception for data that cannot be used."""


class BadDataError(Exception):
    """A file or a combination of files that cannot be evaluated.

    Misuse of a function raises ValueError or TypeError instead: this class is for what a user can
    meet with correct use, and the command line turns it into one message and exit code 1.

    Parameters
    ----------
    where : str
        The file, folder or tag the message is about.
    found : str
        What was found there.
    remedy : str
        What is allowed or what to do about it, as a full sentence.
    """

    def __init__(self, where: object, found: str, remedy: str) -> None:
        # A list of faults ends its own line.
        separator = "" if found.endswith("\n") else " "
        super().__init__(f"{where}: {found}{separator}{remedy}")
        self.where = str(where)
        self.found = found
        self.remedy = remedy

    def __reduce__(self) -> tuple:
        # Without it a worker process that raises this one breaks its pool.
        return BadDataError, (self.where, self.found, self.remedy)


class Cancelled(Exception):  # noqa: N818 - nothing went wrong
    """Raised out of a progress callback, to stop long work that somebody no longer wants; nothing is half done then."""
