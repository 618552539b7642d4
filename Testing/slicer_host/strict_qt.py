"""PySide6 made as narrow as PythonQt, the binding that Slicer uses.

Seen in a running Slicer: a property hides its getter (`b.text`, not `b.text()`), a plain widget refuses new attributes, calls
refuse keyword arguments, and `connect("clicked(bool)", f)` wants the exact signature. PythonQt answers a wrong signature with a
silent False; here it raises, because no test would notice the False.
"""

import contextlib
import functools
import inspect
import os
import sys
import traceback

# Qt's enums are int in PythonQt. PySide6 reads this once, at its first import.
os.environ.setdefault("PYSIDE6_OPTION_PYTHON_ENUM", "0x06")

import shiboken6
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

from slicer_host import counting, focus_proxy, pythonqt_names

MODULES = (QtWidgets, QtGui, QtCore, QtUiTools)
slot_errors = []  # text of every exception that a slot raised; Slicer prints them and goes on
_getters = {}
_connections = {}
_reading_dynamic = set()
_ui_loads = []
_REPLACED = {"setFocusProxy": "set_focus_proxy", "focusProxy": "focus_proxy"}


def _qt_classes():
    seen = {}
    for module in MODULES:
        for name in dir(module):
            found = getattr(module, name)
            if isinstance(found, type) and issubclass(found, QtCore.QObject):
                seen[found] = None
    return list(seen)


def as_pythonqt_returns(value):
    """Return lists as tuples: PythonQt's lists cannot be changed either."""
    return tuple(value) if isinstance(value, list) else value


class StrictMethod:
    """A method of a Qt object that takes positional arguments only."""

    __slots__ = ("__self__", "_bound", "_name")

    def __init__(self, owner, bound, name):
        self.__self__, self._bound, self._name = owner, bound, name

    def __call__(self, *args, **keywords):
        if keywords:
            raise ValueError(f"{self._name}() was called with {', '.join(keywords)}=: PythonQt takes positional arguments only.")
        return as_pythonqt_returns(self._bound(*args))

    def __eq__(self, other):
        return isinstance(other, StrictMethod) and (self.__self__ is other.__self__) and self._name == other._name

    def __hash__(self):
        return hash((id(self.__self__), self._name))


class StrictSignal:
    """A signal of a Qt object, without the choice of an overload that PythonQt does not have."""

    __slots__ = ("_instance", "_name", "_owner")

    def __init__(self, owner, name, instance):
        self._owner, self._name, self._instance = owner, name, instance

    def _signature(self):
        return signature_of(self._owner, self._name)

    def connect(self, callback):
        return connect(self._owner, self._signature(), callback)

    def disconnect(self, callback):
        return disconnect(self._owner, self._signature(), callback)

    def emit(self, *args):
        self._instance.emit(*args)


def python_class_attribute(kind, name):
    """Return the first value of `name` in the classes of `kind` that were written in Python, with its class, or (None, None)."""
    for base in kind.__mro__:
        if base.__module__.startswith(("PySide6", "Shiboken")):
            return None, None
        if name in base.__dict__:
            return base.__dict__[name], base
    return None, None


def is_virtual(name):
    """Return whether Qt itself calls a method of this name; PySide6 then wants a plain Python method."""
    return name.endswith("Event") or name in ("event", "eventFilter", "sizeHint", "minimumSizeHint", "heightForWidth")


def _read_property(self, name, meta):
    for getter in (name, "is" + name[0].upper() + name[1:], "has" + name[0].upper() + name[1:]):
        for base in type(self).__mro__:
            found = base.__dict__.get(getter)
            if type(found).__name__ == "method_descriptor":
                return as_pythonqt_returns(found(self))
    return as_pythonqt_returns(meta.property(meta.indexOfProperty(name)).read(self))


def _plain_getter(kind):
    return next((_getters[base] for base in kind.__mro__ if base in _getters), object.__getattribute__)


def _get(self, name):
    if name.startswith("__"):
        return object.__getattribute__(self, name)
    kind = type(self)
    own = object.__getattribute__(self, "__dict__")
    # PySide6 keeps signals there, once they were asked for.
    if name in own and not isinstance(own[name], QtCore.SignalInstance):
        return own[name]
    found, owner = python_class_attribute(kind, name)
    if isinstance(found, QtCore.Property):
        return as_pythonqt_returns(found.fget(self))
    if owner is not None:
        value = object.__getattribute__(self, name)
        if inspect.isfunction(found) and getattr(owner, "STANDS_IN", False) and not (name.startswith("_") or is_virtual(name)):
            return StrictMethod(self, value, name)
        if isinstance(value, QtCore.SignalInstance) and getattr(owner, "STANDS_IN", False):
            return StrictSignal(self, name, value)
        return value
    if name == "name":
        return QtCore.QObject.objectName(self)
    if name in pythonqt_names.ABSENT:
        raise AttributeError(f"{class_name(self)} has no attribute {name!r} in Slicer (Qt 5 and PythonQt).")
    meta = QtCore.QObject.metaObject(self)
    if meta.indexOfProperty(name) >= 0 and name not in pythonqt_names.METHODS:
        return _read_property(self, name, meta)
    if name == "connect":
        return lambda *args: connect(self, *args)
    if name == "disconnect":
        return lambda *args: disconnect(self, *args)
    if name == "className":
        return lambda: class_name(self)
    if name == "delete":
        return lambda: shiboken6.delete(self)
    if name in ("setFocusProxy", "focusProxy"):
        return StrictMethod(self, functools.partial(getattr(focus_proxy, _REPLACED[name]), self), name)
    if name in ("findChild", "findChildren"):
        return StrictMethod(self, functools.partial(_find_children, self, name), name)
    if name in ("installEventFilter", "removeEventFilter"):
        return StrictMethod(self, functools.partial(_event_filter, self, name), name)
    if name in ("exec", "exec_") and hasattr(kind, "exec"):
        return StrictMethod(self, object.__getattribute__(self, "exec"), name)
    try:
        value = _plain_getter(kind)(self, name)
    except AttributeError:
        return _dynamic_property_or_child(self, name)
    if isinstance(value, QtCore.SignalInstance):
        return StrictSignal(self, name, value)
    if callable(value) and not isinstance(value, type):
        return StrictMethod(self, value, name)
    return value


def _event_filter(self, name, event_filter):
    getattr(QtCore.QObject, name)(self, event_filter)
    (counting.note_filter if name == "installEventFilter" else counting.forget_filter)(self, event_filter)


def _dynamic_property_or_child(self, name):
    key = (id(self), name)
    # QObject.property() asks the Python object for its attribute first, and so comes here again.
    if key not in _reading_dynamic and name.encode() in [bytes(known) for known in QtCore.QObject.dynamicPropertyNames(self)]:
        _reading_dynamic.add(key)
        try:
            return QtCore.QObject.property(self, name)
        finally:
            _reading_dynamic.discard(key)
    for child in QtCore.QObject.children(self):
        if QtCore.QObject.objectName(child) == name:
            return child
    raise AttributeError(f"{class_name(self)} has no attribute {name!r} (as in Slicer's PythonQt).")


@contextlib.contextmanager
def loading_ui():
    """Drop the attributes that PySide6's loader of .ui files sets."""
    _ui_loads.append(None)
    try:
        yield
    finally:
        _ui_loads.pop()


def class_name(self):
    """Return the class name as Qt knows it; a class written in Python has its own."""
    kind = type(self)
    return QtCore.QObject.metaObject(self).className() if kind.__module__.startswith("PySide6") else kind.__name__


def _find_children(self, name, kind=QtCore.QObject, *more):
    """findChild(ren) with a class, or the name of one, as in PythonQt."""
    if isinstance(kind, str):
        every = QtCore.QObject.findChildren(self, QtCore.QObject)
        found = [child for child in every if kind in [base.__name__ for base in type(child).__mro__] or class_name(child) == kind]
        found = [child for child in found if not more or QtCore.QObject.objectName(child) == more[0]]
        return tuple(found) if name == "findChildren" else next(iter(found), None)
    return getattr(QtCore.QObject, name)(self, kind, *more)


def _set(self, name, value):
    if isinstance(value, QtCore.SignalInstance):
        # PySide6 itself, which keeps a signal there that was asked for.
        object.__getattribute__(self, "__dict__")[name] = value
        return
    kind = type(self)
    found, owner = python_class_attribute(kind, name)
    plain = kind.__module__.startswith("PySide6") or kind.__dict__.get("STANDS_IN", False)
    if isinstance(found, (property, QtCore.Property)):
        if found.fset is None:
            raise AttributeError(f"{class_name(self)}.{name} can only be read.")
        found.fset(self, value)
        return
    if name == "name":
        QtCore.QObject.setObjectName(self, value)
        return
    meta = QtCore.QObject.metaObject(self)
    index = meta.indexOfProperty(name)
    if index >= 0 and owner is None:
        if not meta.property(index).isWritable():
            raise AttributeError(f"{class_name(self)}.{name} can only be read.")
        setter = getattr(kind, "set" + name[0].upper() + name[1:], None)
        if setter is not None:
            setter(self, value)
        elif not meta.property(index).write(self, value):
            raise ValueError(f"{class_name(self)}.{name} cannot be {value!r}.")
        return
    if plain and not (kind.__dict__.get("STANDS_IN", False) and name.startswith("_")):
        if _ui_loads:
            # PySide6's loader hangs every child on the root as an attribute; Slicer's does not.
            return
        raise AttributeError(f"{class_name(self)} takes no new attribute {name!r}: PythonQt refuses it on a plain widget.")
    object.__getattribute__(self, "__dict__")[name] = value


def signature_of(sender, name):
    """Return the signature of the first signal with that name, as PythonQt chooses it: `clicked` is clicked(bool)."""
    owner = python_class_attribute(type(sender), name)[1]
    if owner is not None and getattr(owner, "STANDS_IN", False):
        return next(key for key in stand_in_signals(sender) if key.partition("(")[0] == name)
    meta = QtCore.QObject.metaObject(sender)
    for index in range(meta.methodCount()):
        method = meta.method(index)
        if method.methodType() == QtCore.QMetaMethod.Signal and bytes(method.name()).decode() == name:
            return bytes(method.methodSignature()).decode()
    raise AttributeError(f"{class_name(sender)} has no signal {name!r}.")


def stand_in_signals(sender):
    """Return the signatures that the stand-in classes of an object declare, each with the name of its Python signal."""
    declared = {}
    for base in reversed(type(sender).__mro__):
        declared.update(base.__dict__.get("SIGNALS", {}))
    return declared


def positional_count(callback):
    """Return how many positional arguments a Python callable takes, or None where PythonQt passes all."""
    if not (inspect.isfunction(callback) or inspect.ismethod(callback)):
        return None
    parameters = inspect.signature(callback).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    return sum(parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters)


def _relay(callback):
    count = positional_count(callback)

    def relay(*args):
        try:
            callback(*args[:count])
        except Exception:  # noqa: BLE001 - a slot's exception ends in Slicer's console, and in this list
            slot_errors.append(traceback.format_exc())
            sys.stderr.write(slot_errors[-1])

    return relay


def _forget(address):
    _connections.pop(address, None)


def connect(sender, signal, callback, *more):
    """Connect a signal, given by its signature, to a callable. Return True."""
    if more:
        raise TypeError("Only connect(signal, callable) is supported.")
    if not callable(callback):
        raise TypeError(f"{callback!r} cannot be called.")
    signal = signal.replace(" ", "")
    relay = _relay(callback)
    address = shiboken6.getCppPointer(sender)[0]
    declared = stand_in_signals(sender)
    if signal in declared:
        object.__getattribute__(sender, declared[signal]).connect(relay)
    else:
        # Names of arguments are no part of a signature; const and & are dropped as Qt does.
        plain = bytes(QtCore.QMetaObject.normalizedSignature(signal)).decode()
        if QtCore.QObject.metaObject(sender).indexOfSignal(plain) < 0:
            known = sorted({*declared, *_signatures(sender)})
            raise ValueError(f"{class_name(sender)} has no signal {signal!r}; it has {', '.join(known)}.")
        QtCore.QObject.connect(sender, QtCore.SIGNAL(plain), relay)
    if address not in _connections:
        _connections[address] = []
        QtCore.QObject.connect(sender, QtCore.SIGNAL("destroyed()"), lambda: _forget(address))
    _connections[address].append((signal, callback, relay))
    return True


def _signatures(sender):
    meta = QtCore.QObject.metaObject(sender)
    methods = (meta.method(index) for index in range(meta.methodCount()))
    return [bytes(method.methodSignature()).decode() for method in methods if method.methodType() == QtCore.QMetaMethod.Signal]


def disconnect(sender, signal, callback):
    """Undo one connect(). Raise where there is none: PythonQt's silent False hides that the wrong thing was disconnected."""
    signal = signal.replace(" ", "")
    address = shiboken6.getCppPointer(sender)[0]
    known = _connections.get(address, [])
    for entry in known:
        if entry[0] == signal and entry[1] == callback:
            known.remove(entry)
            declared = stand_in_signals(sender)
            if signal in declared:
                object.__getattribute__(sender, declared[signal]).disconnect(entry[2])
            else:
                plain = bytes(QtCore.QMetaObject.normalizedSignature(signal)).decode()
                QtCore.QObject.disconnect(sender, QtCore.SIGNAL(plain), entry[2])
            return True
    raise ValueError(f"{class_name(sender)}: {signal!r} is not connected to {callback!r}.")


def disconnect_all(sender, owner=None):
    """Undo every connect() of an object that outlives the host, or only those to methods of `owner`."""
    for signal, callback, _ in list(_connections.get(shiboken6.getCppPointer(sender)[0], [])):
        if owner is None or getattr(callback, "__self__", None) is owner:
            disconnect(sender, signal, callback)


def _strict_constructor(kind):
    build = kind.__init__

    def __init__(self, *args, **keywords):  # noqa: N807 - becomes the class's
        if keywords:
            raise ValueError(f"{kind.__name__}({', '.join(keywords)}=...): PythonQt takes positional arguments only.")
        build(self, *args)
        if kind.__name__ in counting.COUNTED:
            counting.note_made(self, 2)

    kind.__init__ = __init__


def make_strict():
    """Narrow every QObject class of PySide6, once in a process."""
    if getattr(QtCore.QObject, "STRICT", False):
        return
    for kind in _qt_classes():
        if "__init__" in kind.__dict__:
            _strict_constructor(kind)
        kind.__setattr__ = _set
        # Not inherited by every class: QMenu has its own, which chooses between a static exec() and the menu's.
        if "__getattribute__" in kind.__dict__ and kind is not QtCore.QObject and not issubclass(kind, QtCore.QIODevice):
            _getters[kind] = kind.__getattribute__
            kind.__getattribute__ = _get
    QtCore.QObject.__getattribute__ = _get
    QtCore.QObject.STRICT = True
