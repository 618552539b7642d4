"""Where the reader stands with the training that the protocol asks for: read in the background, told to all panels."""

from __future__ import annotations

import logging
from datetime import date
from functools import partial

from SegQCLib.panels.background import Background
from SegQCLib.readers.training.certificate import CERTIFICATES_FOLDER
from SegQCLib.readers.training.standing import training_standing


class StandingWatch:
    """Keep `session.training_standing` true for reader, protocol, records folder and day.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session):
        self.session = session
        self._of = None
        self._work: Background | None = None

    @property
    def busy(self) -> bool:
        return self._work is not None

    def follow(self):
        """Look again where something has changed that the standing depends on."""
        protocol = self.session.protocol
        asked = protocol is not None and protocol.protocol.reader_training is not None
        of = (self.session.reader, protocol.sha256, str(self.session.records_folder), date.today()) if asked else None
        if of == self._of:
            return
        self._of = of
        self._stop()
        if of is None or not self.session.reader:
            self._tell(None)
            return
        self.session.training_standing = None
        folder = self.session.records_folder / CERTIFICATES_FOLDER
        work = partial(training_standing, protocol, self.session.reader, folder)
        self._work = Background(lambda _progress: work(), self.onRead, self.onFailed)

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
