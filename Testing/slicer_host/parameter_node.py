"""Stand-in for slicer.parameterNodeWrapper: typed members kept in a vtkMRMLScriptedModuleNode, and connected to widgets.

It knows the member types and widgets that SegQC uses; anything else is refused with its name. Slicer's knows more.
"""

import typing

import ctk
import qt
import slicer
import vtk

TEXT_TYPES = {int: int, float: float, str: str, bool: lambda text: text == "True"}
# The exact type counts in Slicer too: a subclass does not bind.
CONNECTORS = {
    (qt.QCheckBox, bool): ("checked", "toggled(bool)"),
    (ctk.ctkCheckBox, bool): ("checked", "toggled(bool)"),
    (qt.QPushButton, bool): ("checked", "toggled(bool)"),
    (qt.QSpinBox, int): ("value", "valueChanged(int)"),
    (qt.QSlider, int): ("value", "valueChanged(int)"),
    (qt.QDoubleSpinBox, float): ("value", "valueChanged(double)"),
    (ctk.ctkDoubleSpinBox, float): ("value", "valueChanged(double)"),
    (ctk.ctkSliderWidget, float): ("value", "valueChanged(double)"),
    (qt.QLineEdit, str): ("text", "textChanged(QString)"),
    (qt.QTextEdit, str): ("plainText", "textChanged()"),
    (qt.QComboBox, str): ("currentText", "currentTextChanged(QString)"),
    (ctk.ctkComboBox, str): ("currentText", "currentTextChanged(QString)"),
}


class _Binding:
    def __init__(self, parameters, name, widget):
        self.parameters, self.name, self.widget = parameters, name, widget
        kind = parameters.allParameters[name]
        if _is_node(kind):
            if type(widget) is not slicer.qMRMLNodeComboBox:
                raise RuntimeError(f"{name}: a node cannot be connected to {type(widget).__name__}.")
            self.property, self.signal = None, "currentNodeChanged(vtkMRMLNode*)"
        elif (type(widget), kind) in CONNECTORS:
            self.property, self.signal = CONNECTORS[type(widget), kind]
        else:
            raise RuntimeError(f"{name}: {kind.__name__} cannot be connected to {type(widget).__name__}.")
        self.show()
        widget.connect(self.signal, self.onChanged)

    def show(self):
        value = getattr(self.parameters, self.name)
        if self.property is None:
            if self.widget.currentNode() is not value:
                self.widget.setCurrentNode(value)
        elif getattr(self.widget, self.property) != value:
            setattr(self.widget, self.property, value)

    def onChanged(self, *_value):
        if not self.parameters._showing:
            value = self.widget.currentNode() if self.property is None else getattr(self.widget, self.property)
            setattr(self.parameters, self.name, value)

    def end(self):
        self.widget.disconnect(self.signal, self.onChanged)


def _is_node(kind):
    return isinstance(kind, type) and issubclass(kind, slicer.vtkMRMLNode)


def _member(name, kind, default):
    def read(self):
        if _is_node(kind):
            node = self.parameterNode.GetNodeReference(name)
            return node if node is None or isinstance(node, kind) else None
        return TEXT_TYPES[kind](self.parameterNode.GetParameter(name))

    def write(self, value):
        if _is_node(kind):
            if value is not None and not isinstance(value, kind):
                raise TypeError(f"{name} takes a {kind.__name__} or None, and was given {value!r}.")
            self.parameterNode.SetNodeReferenceID(name, None if value is None else value.GetID())
        elif type(value) is not kind and not (kind is float and type(value) is int):
            raise TypeError(f"{name} takes {kind.__name__}, and was given {value!r}.")
        else:
            self.parameterNode.SetParameter(name, str(value))

    def prepare(node):
        if not _is_node(kind) and not node.GetParameter(name):
            node.SetParameter(name, str(default))

    return property(read, write), prepare


def parameterNodeWrapper(wrapped=None):
    if wrapped is None:
        return parameterNodeWrapper
    kinds = typing.get_type_hints(wrapped)
    members = {}
    for name, kind in kinds.items():
        if not (_is_node(kind) or kind in TEXT_TYPES):
            raise TypeError(f"{wrapped.__name__}.{name}: the test host has no parameter of type {kind!r}.")
        default = getattr(wrapped, name, None if _is_node(kind) else kind())
        members[name] = _member(name, kind, default)
    body = {name: value for name, value in vars(wrapped).items() if name not in ("__dict__", "__weakref__")}
    body |= {name: prop for name, (prop, _prepare) in members.items()}
    body["allParameters"] = kinds
    body["_prepare"] = [prepare for _prop, prepare in members.values()]
    return type(wrapped.__name__, (_Parameters,), body)


class _Parameters:
    def __init__(self, parameter_node, prefix=None):  # noqa: ARG002 - Slicer's signature
        if parameter_node is None:
            raise ValueError("A parameter node is needed.")
        self.parameterNode = parameter_node
        self._bindings = {}
        self._next_tag = 0
        self._showing = False
        for prepare in self._prepare:
            prepare(parameter_node)

    def getValue(self, name):
        return getattr(self, name)

    def setValue(self, name, value):
        setattr(self, name, value)

    def connectGui(self, gui):
        widgets = gui.findChildren(qt.QWidget) if hasattr(gui, "isWidgetType") else vars(gui).values()
        named = {}
        for widget in widgets:
            name = widget.property("SlicerParameterName")
            if name:
                named[name] = widget
        return self.connectParametersToGui(named)

    def connectParametersToGui(self, widgets):
        for name in widgets:
            if name not in self.allParameters:
                raise ValueError(f"There is no parameter {name!r}; there are {', '.join(self.allParameters)}.")
        tag = self._next_tag
        self._next_tag += 1
        bindings = [_Binding(self, name, widget) for name, widget in widgets.items()]
        self._bindings[tag] = (bindings, self.AddObserver(vtk.vtkCommand.ModifiedEvent, self._show))
        return tag

    def _show(self, _caller=None, _event=None):
        if self._showing:
            return
        self._showing = True
        try:
            for bindings, _observer in self._bindings.values():
                for binding in bindings:
                    binding.show()
        finally:
            self._showing = False

    def disconnectGui(self, tag):
        bindings, observer = self._bindings.pop(tag)
        self.RemoveObserver(observer)
        for binding in bindings:
            binding.end()

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, was_modified):
        return self.parameterNode.EndModify(was_modified)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def Modified(self):
        self.parameterNode.Modified()


__all__ = ["parameterNodeWrapper"]
