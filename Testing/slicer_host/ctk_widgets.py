# ruff: noqa: N801, N815 - the names are Slicer's
"""Stand-ins for the CTK widgets that a module uses. Each has the properties and signals of its original, and no others."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QGroupBox,
    QHBoxLayout,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QSlider,
    QStyle,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from slicer_host.collapsible_button import ctkCollapsibleButton
from slicer_host.stand_in import setting, signals, stand_in


@stand_in()
class ctkCollapsibleGroupBox(QGroupBox):
    collapsed = setting(bool, "collapsed", False, "_fold")

    def __init__(self, *args):
        QGroupBox.__init__(self, *args)
        self.setCheckable(True)
        self.connect("toggled(bool)", self._on_toggled)

    def _on_toggled(self, checked):
        self.collapsed = not checked

    def _fold(self):
        QGroupBox.setChecked(self, not self.collapsed)
        for child in QGroupBox.children(self):
            if isinstance(child, QWidget):
                QWidget.setVisible(child, not self.collapsed)


@stand_in()
class ctkCheckBox(QCheckBox):
    pass


@stand_in()
class ctkComboBox(QComboBox):
    defaultText = setting(str, "defaultText", "")
    forceDefault = setting(bool, "forceDefault", False)
    NeverScroll, AlwaysScroll, ScrollWithFocus = range(3)
    scrollWheelEffect = setting(int, "scrollWheelEffect", AlwaysScroll)


@stand_in()
class ctkCheckablePushButton(QPushButton):
    pass


@stand_in()
class ctkPushButton(QPushButton):
    pass


@stand_in()
class ctkMenuButton(QPushButton):
    pass


@stand_in()
class ctkFittedTextBrowser(QTextBrowser):
    collapsed = setting(bool, "collapsed", False)


@stand_in("setDontShowAgain")
class ctkMessageBox(QMessageBox):
    dontShowAgainVisible = setting(bool, "dontShowAgainVisible", False)
    dontShowAgain = setting(bool, "dontShowAgain", False)
    dontShowAgainSettingsKey = setting(str, "dontShowAgainSettingsKey", "")


@stand_in("setDecimals", "setValue")
class ctkDoubleSpinBox(QWidget):
    """A spin box with the step of the value's decimals."""

    valueChanged = Signal(float)
    editingFinished = Signal()
    decimalsChanged = Signal(int)
    SIGNALS = signals("valueChanged(double)", "editingFinished()", "decimalsChanged(int)")
    suffix = setting(str, "suffix", "", "_configure")
    prefix = setting(str, "prefix", "", "_configure")
    decimals = setting(int, "decimals", 2, "_configure")
    singleStep = setting(float, "singleStep", 1.0, "_configure")
    minimum = setting(float, "minimum", 0.0, "_configure")
    maximum = setting(float, "maximum", 99.99, "_configure")
    value = setting(float, "value", 0.0, "_changed")

    def __init__(self, *parent):
        QWidget.__init__(self, *parent)
        self._box = QDoubleSpinBox(self)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._box)
        self.setFocusProxy(self._box)
        self._configure()
        self._box.connect("valueChanged(double)", self._on_value)
        self._box.connect("editingFinished()", self._on_finished)

    def _configure(self):
        box = self._box
        box.setDecimals(self.decimals)
        box.setRange(self.minimum, self.maximum)
        box.setSingleStep(self.singleStep)
        box.setSuffix(self.suffix)
        box.setPrefix(self.prefix)

    def _changed(self):
        within = min(max(self.value, self.minimum), self.maximum)
        vars(self)["_value"] = within
        self._box.setValue(within)
        self.valueChanged.emit(within)

    def _on_value(self, value):
        self.value = value

    def _on_finished(self):
        self.editingFinished.emit()


@stand_in("setDecimals", "setSpinBoxVisible", "setValue")
class ctkSliderWidget(QWidget):
    """A slider with a spin box."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    SIGNALS = signals("valueChanged(double)", "valueIsChanging(double)")
    minimum = setting(float, "minimum", 0.0, "_configure")
    maximum = setting(float, "maximum", 99.0, "_configure")
    decimals = setting(int, "decimals", 2, "_configure")
    singleStep = setting(float, "singleStep", 1.0, "_configure")
    pageStep = setting(float, "pageStep", 10.0)
    prefix = setting(str, "prefix", "", "_configure")
    suffix = setting(str, "suffix", "", "_configure")
    tracking = setting(bool, "tracking", True)
    spinBoxVisible = setting(bool, "spinBoxVisible", True, "_configure")
    value = setting(float, "value", 0.0, "_changed")

    def __init__(self, *parent):
        QWidget.__init__(self, *parent)
        self._slider = QSlider(Qt.Horizontal, self)
        self._box = QDoubleSpinBox(self)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._slider)
        self._layout.addWidget(self._box)
        self._configure()
        self._slider.connect("valueChanged(int)", self._on_slider)
        self._box.connect("valueChanged(double)", self._on_box)

    def _configure(self):
        self._box.setDecimals(self.decimals)
        self._box.setRange(self.minimum, self.maximum)
        self._box.setSingleStep(self.singleStep)
        self._box.setSuffix(self.suffix)
        self._box.setPrefix(self.prefix)
        self._box.setVisible(self.spinBoxVisible)
        self._slider.setRange(round(self.minimum / self.singleStep), round(self.maximum / self.singleStep))

    def _changed(self):
        within = min(max(self.value, self.minimum), self.maximum)
        vars(self)["_value"] = within
        self._box.setValue(within)
        self._slider.setValue(round(within / self.singleStep))
        self.valueChanged.emit(within)

    def _on_slider(self, steps):
        if round(self.value / self.singleStep) != steps:
            self.value = steps * self.singleStep

    def _on_box(self, value):
        self.value = value


@stand_in("setDecimals", "setMaximumValue", "setMinimumValue")
class ctkRangeWidget(QWidget):
    valuesChanged = Signal(float, float)
    SIGNALS = signals("valuesChanged(double,double)")
    minimum = setting(float, "minimum", 0.0)
    maximum = setting(float, "maximum", 99.0)
    decimals = setting(int, "decimals", 2)
    singleStep = setting(float, "singleStep", 1.0)
    minimumValue = setting(float, "minimumValue", 0.0, "_changed")
    maximumValue = setting(float, "maximumValue", 99.0, "_changed")

    def _changed(self):
        self.valuesChanged.emit(self.minimumValue, self.maximumValue)

    def setValues(self, low, high):
        self.minimumValue, self.maximumValue = low, high

    def setRange(self, low, high):
        self.minimum, self.maximum = low, high


@stand_in("setCurrentPath")
class ctkPathLineEdit(QWidget):
    """A line for a path with a button that opens a file dialogue."""

    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)
    SIGNALS = signals("currentPathChanged(QString)", "validInputChanged(bool)")
    currentPath = setting(str, "currentPath", "", "_changed")
    nameFilters = setting("QStringList", "nameFilters", [])
    filters = setting(int, "filters", 0)
    options = setting(int, "options", 0)
    settingKey = setting(str, "settingKey", "")
    label = setting(str, "label", "")
    showBrowseButton = setting(bool, "showBrowseButton", True)
    showHistoryButton = setting(bool, "showHistoryButton", True)
    sizeAdjustPolicy = setting(int, "sizeAdjustPolicy", 0)
    # The flags of ctkPathLineEdit.h.
    Dirs, Files, Drives, Readable, Writable, Executable = 0x01, 0x02, 0x04, 0x10, 0x20, 0x40
    Hidden, System = 0x100, 0x200

    def __init__(self, *parent):
        QWidget.__init__(self, *parent)
        self._line = QLineEdit(self)
        self._button = QToolButton(self)
        self._button.setText("...")
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._line)
        self._layout.addWidget(self._button)
        self.setFocusProxy(self._line)
        self._line.connect("textChanged(QString)", self._on_text)
        self._button.connect("clicked(bool)", self._on_browse)

    def _changed(self):
        if self._line.text != self.currentPath:
            self._line.setText(self.currentPath)
        self.currentPathChanged.emit(self.currentPath)

    def _on_text(self, text):
        self.currentPath = text

    def _on_browse(self, _checked):
        self.browse()

    def browse(self):
        import qt

        if self.filters & self.Dirs and not self.filters & self.Files:
            chosen = qt.QFileDialog.getExistingDirectory(self, "", self.currentPath)
        else:
            chosen = qt.QFileDialog.getOpenFileName(self, "", self.currentPath, ";;".join(self.nameFilters))
        if chosen:
            self.currentPath = chosen

    def addCurrentPathToHistory(self):
        pass

    def comboBox(self):
        return self._line


@stand_in()
class ctkDirectoryButton(QWidget):
    directoryChanged = Signal(str)
    directorySelected = Signal(str)
    SIGNALS = signals("directoryChanged(QString)", "directorySelected(QString)")
    directory = setting(str, "directory", "", "_changed")
    caption = setting(str, "caption", "")
    text = setting(str, "text", "", "_show")

    def __init__(self, *parent):
        QWidget.__init__(self, *parent)
        self._button = QPushButton(self)
        self._button.setIcon(self._button.style().standardIcon(QStyle.SP_DirIcon))
        self._button.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self._button)
        self.setFocusProxy(self._button)
        self._button.connect("clicked(bool)", self._on_clicked)

    def _show(self):
        self._button.setText(self.text or Path(self.directory).name or self.directory)

    def _changed(self):
        self._show()
        self.directoryChanged.emit(self.directory)

    def _on_clicked(self, _checked):
        self.browse()

    def browse(self):
        import qt

        chosen = qt.QFileDialog.getExistingDirectory(self, self.caption, self.directory)
        if chosen:
            self.directory = chosen
            self.directorySelected.emit(chosen)


@stand_in()
class ctkExpandableWidget(QFrame):
    def __init__(self, *parent):
        QFrame.__init__(self, *parent)
        self._layout = QVBoxLayout(self)


@stand_in()
class ctkColorPickerButton(QPushButton):
    pass


@stand_in()
class ctkDoubleSlider(QWidget):
    valueChanged = Signal(float)
    SIGNALS = signals("valueChanged(double)")
    value = setting(float, "value", 0.0)


@stand_in()
class ctkDoubleRangeSlider(QWidget):
    pass


__all__ = ["WIDGETS", "ctkCollapsibleButton"]
WIDGETS = {name: value for name, value in list(globals().items()) if name.startswith("ctk") and isinstance(value, type)}
