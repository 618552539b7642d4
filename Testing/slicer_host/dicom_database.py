# ruff: noqa: N801, N815 - the names are Slicer's
"""Stand-in for slicer.dicomDatabase: real DICOM files of a folder, looked up by instance and tag."""

import tempfile
from pathlib import Path

from PySide6.QtCore import Property, QObject, Signal

from slicer_host.stand_in import signals, stand_in


@stand_in()
class ctkDICOMDatabase(QObject):
    """Closed and empty until `host.open_dicom(folder)`; then it answers as Slicer's does: text, "" where a tag is missing."""

    opened = Signal()
    closed = Signal()
    databaseChanged = Signal()
    SIGNALS = signals("opened()", "closed()", "databaseChanged()")
    isOpen = Property(bool, lambda self: self._open)

    def __init__(self):
        QObject.__init__(self)
        self._open = False
        self._files = {}
        self._headers = {}
        self._folder = tempfile.TemporaryDirectory(prefix="segqc-database-")

    def _index(self, folder):
        import pydicom

        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                header = pydicom.dcmread(path, stop_before_pixels=True, force=True)
                if "SOPInstanceUID" in header:
                    self._files[str(header.SOPInstanceUID)] = str(path)
                    self._headers[str(path)] = header
        vars(self)["_open"] = True
        self.opened.emit()
        self.databaseChanged.emit()

    def _close(self):
        vars(self).update(_open=False, _files={}, _headers={})
        self.closed.emit()

    def insert(self, path, store_file=True, _generate_thumbnail=True):
        """Take a file in as Slicer's does: a copy of its own, found by its instance from then on."""
        if not (isinstance(path, str) and store_file):
            raise TypeError("The stand-in takes a path as text, and stores the file.")
        import pydicom

        header = pydicom.dcmread(path, stop_before_pixels=True)
        copy = Path(self._folder.name) / f"{header.SOPInstanceUID}.dcm"
        copy.write_bytes(Path(path).read_bytes())
        self._files[str(header.SOPInstanceUID)] = str(copy)
        self._headers[str(copy)] = header
        self.databaseChanged.emit()

    def fileForInstance(self, instance_uid):
        return self._files.get(instance_uid, "")

    def instanceForFile(self, path):
        return next((uid for uid, known in self._files.items() if known == path), "")

    def fileValue(self, path, tag):
        """Return the value of a tag such as "0018,0050" as text; several values are joined by a backslash."""
        header = self._headers.get(path)
        group, _, element = tag.partition(",")
        key = (int(group, 16), int(element, 16))
        if header is None or key not in header or header[key].VR == "SQ":
            return ""
        value = header[key].value
        if value is None:
            return ""
        if isinstance(value, bytes):
            return value.decode("ascii", "replace").rstrip("\0")
        if not isinstance(value, str) and hasattr(value, "__iter__") and header[key].VM != 1:
            return "\\".join(str(part) for part in value)
        return str(value)

    def instanceValue(self, instance_uid, tag):
        return self.fileValue(self.fileForInstance(instance_uid), tag)

    def seriesForFile(self, path):
        return self.fileValue(path, "0020,000E")

    def instancesForSeries(self, series_uid):
        return tuple(uid for uid, path in self._files.items() if self.seriesForFile(path) == series_uid)

    def filesForSeries(self, series_uid):
        return tuple(path for path in self._files.values() if self.seriesForFile(path) == series_uid)

    def allFiles(self):
        return tuple(self._files.values())
