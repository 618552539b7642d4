"""Where the reader stands with the training that the protocol asks for: read in the background, told to all panels."""

from __future__ import annotations

import logging
from datetime import date
from functools import partial

from SegQCLib.my_reading.own_logs import own_sessions
from SegQCLib.panels.background import Background
from SegQCLib.readers.effort import reads_of_sessions
from SegQCLib.readers.training.certificate import CERTIFICATES_FOLDER
from SegQCLib.readers.training.course import Course
from SegQCLib.readers.training.standing import training_standing


class StandingWatch:
    """Keep `session.training_standing` true for reader, protocol, records folder and day.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session):
        self.session = session
        self.course: Course | None = None  # the course that is open in the Training step
        self._known = {}  # what was read of each log
        self._of = None
        self._work: Background | None = None

    @property
    def busy(self) -> bool:
        return self._work is not None

    def follow(self):
        """Look again where something has changed that the standing depends on."""
        protocol = self.session.protocol
        asked = protocol is not None and protocol.protocol.reader_training is not None
        of = None
        if asked:
            reader, records = self.session.reader, str(self.session.records_folder)
            of = (reader, records, protocol.sha256, date.today(), self.course and self.course.sha256)
        if of == self._of:
            return
        self._of = of
        self._stop()
        if self.session.case is None:
            # The scene closes, and all panels have just been told so: once more would wipe what they say about it.
            self.session.training_standing = None
            return
        if of is None or not self.session.reader:
            self._tell(None)
            return
        self.session.training_standing = None
        work = partial(_standing, protocol, self.session.reader, self.session.records_folder, self.session.logs_folder)
        self._work = Background(partial(work, self.course, self._known), self.onRead, self.onFailed)

    def look_again(self):
        """Look again: a certificate was written."""
        self._of = None
        self.follow()

    def cleanup(self):
        self._stop()

    def onRead(self, standing):
        self._work = None
        self._tell(standing)

    def onFailed(self, error):
        self._work = None
        logging.error("SegQC could not read the reader's certificates.", exc_info=error)
        self._tell(None)

    def _tell(self, standing):
        if standing != self.session.training_standing:
            self.session.training_standing = standing
            self.session.announce()

    def _stop(self):
        if self._work is not None:
            self._work.abandon()
            self._work = None


def _standing(protocol, reader, records, logs, course, known, progress):
    training = protocol.protocol.reader_training
    names = () if course is None else (course.file.id.casefold(), course.file.title.strip().casefold())
    of_protocol = course if training.course.strip().casefold() in names else None
    look = partial(training_standing, protocol, reader, records / CERTIFICATES_FOLDER, course=of_protocol)
    standing = look()
    if not standing.holds or standing.certificate.drift_reads is None or not logs.is_dir():
        return standing
    # Only now: reading all of a reader's logs takes a while.
    return look(reads=reads_of_sessions(own_sessions(logs, reader, known, progress).sessions))
