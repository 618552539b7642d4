"""The pages of a course's atlas in the column: pictures as wide as the column, and the page of the structure that is drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import qt

from SegQCLib.readers.training.atlas_page import about_html, page_html, repeats_rules
from SegQCLib.readers.training.course import Course
from SegQCLib.training_course import page_title

_LINES = 20
_IMAGE = re.compile(r'<img\b[^>]*?\bsrc="([^"]+)"[^>]*>')
# Margins of a page and its scroll bar, pixels.
_MARGIN = 24


@dataclass(frozen=True)
class Page:
    """A page of an atlas.

    Attributes
    ----------
    title : str
    folder : Path
        Where the pictures of its text are.
    render : callable(browser, width_px) -> str
        Returns the page as HTML, pictures not wider than that.
    structure : str or None
        The structure of the protocol that it is about.
    """

    title: str
    folder: Path
    render: object
    structure: str | None = None


def pages_of_course(course: Course, about_title: str) -> list[Page]:
    """Return the pages of a course: what it is about, then one for each structure."""
    pages = [Page(about_title, course.folder, partial(_about, course))]
    for page in course.file.pages:
        folder = course.folder if page.file is None else course.path(page.file).parent
        pages.append(Page(page.title, folder, partial(_page, course, page), page.structure))
    return pages


def pages_of_folder(paths) -> list[Page]:
    """Return the pages of a folder without course.json: its files, by their names."""
    return [Page(page_title(path), path.parent, partial(_file, path)) for path in paths]


class AtlasView(qt.QObject):
    """Turn the pages.

    Parameters
    ----------
    ui : namespace of widgets
        pageSelector, previousPageButton, nextPageButton and pageBrowser.
    """

    def __init__(self, ui):
        qt.QObject.__init__(self)
        self.ui = ui
        self._pages: tuple[Page, ...] = ()
        self._width = 0
        browser = ui.pageBrowser
        # The browser's own height of 192 pixels is half a picture.
        browser.setMinimumHeight(qt.QFontMetrics(browser.font).lineSpacing() * _LINES)
        # A child: it goes with the widget that it fills.
        self._settle = qt.QTimer(browser)
        self._settle.setSingleShot(True)
        self._settle.setInterval(100)
        self._settle.connect("timeout()", self.onSettled)
        browser.viewport().installEventFilter(self)
        ui.previousPageButton.connect("clicked(bool)", self.onPrevious)
        ui.nextPageButton.connect("clicked(bool)", self.onNext)
        ui.pageSelector.connect("currentIndexChanged(int)", self.onChosen)

    def cleanup(self):
        self._settle.stop()
        self._settle.disconnect("timeout()", self.onSettled)
        self.ui.pageBrowser.viewport().removeEventFilter(self)

    def show(self, pages):
        """Show a course's pages, the first one open."""
        self._pages = tuple(pages)
        selector = self.ui.pageSelector
        blocked = selector.blockSignals(True)
        selector.clear()
        for page in self._pages:
            selector.addItem(page.title)
        selector.blockSignals(blocked)
        self.onChosen(0 if self._pages else -1)

    def turn_to(self, structure):
        """Show the page of a structure, where there is one."""
        for number, page in enumerate(self._pages):
            if structure is not None and page.structure == structure:
                self.ui.pageSelector.setCurrentIndex(number)
                return

    def onPrevious(self, _checked=False):
        self.ui.pageSelector.setCurrentIndex(self.ui.pageSelector.currentIndex - 1)

    def onNext(self, _checked=False):
        self.ui.pageSelector.setCurrentIndex(self.ui.pageSelector.currentIndex + 1)

    def onChosen(self, index):
        self._showPage(0)
        self.ui.previousPageButton.enabled = index > 0
        self.ui.nextPageButton.enabled = 0 <= index < len(self._pages) - 1

    def eventFilter(self, _watched, event):
        if event.type() == qt.QEvent.Resize and self._pages:
            self._settle.start()
        return False

    def onSettled(self):
        if self.ui.pageBrowser.viewport().width != self._width:
            self._showPage(self.ui.pageBrowser.verticalScrollBar().value)

    def _showPage(self, scrolled):
        browser, index = self.ui.pageBrowser, self.ui.pageSelector.currentIndex
        self._width = browser.viewport().width
        if not 0 <= index < len(self._pages):
            browser.clear()
            return
        page = self._pages[index]
        browser.setSearchPaths([str(page.folder)])
        browser.setHtml(page.render(browser, max(self._width - _MARGIN, 1)))
        browser.verticalScrollBar().setValue(scrolled)


def _about(course, _browser, _width_px):
    document = qt.QTextDocument()
    document.setMarkdown(course.file.about)
    return about_html(course, _body(document.toHtml()))


def _page(course, page, browser, width_px):
    path = None if page.file is None else course.path(page.file)
    repeats = path is None or repeats_rules(page, path.read_text(encoding="utf-8-sig", errors="replace"))
    return page_html(course, page, "" if repeats else _file(path, browser, width_px), width_px, _picture_width)


def _file(path, browser, width_px):
    """Return a Markdown or HTML file as HTML with pictures not wider than the column."""
    # Qt itself reads Markdown; its text as HTML is what pictures can be given a width in.
    browser.setSource(qt.QUrl.fromLocalFile(str(path)))
    body = _body(browser.toHtml())

    def fitted(match):
        width = min(_picture_width(path.parent / match[1]), width_px)
        return f'<img src="{match[1]}" width="{width}" />' if width > 0 else match[0]

    return _IMAGE.sub(fitted, body)


def _body(document):
    found = re.search(r"<body[^>]*>(.*)</body>", document, re.DOTALL)
    return found[1] if found else document


def _picture_width(path):
    return qt.QImageReader(str(path)).size().width()
