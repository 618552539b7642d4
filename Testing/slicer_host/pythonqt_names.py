"""Names that PySide6 has and Slicer's PythonQt has not, found by listing the members of both in a running Slicer and here.

No virtual methods: Qt looks them up too.
"""

ABSENT = {
    name
    for names in (
        # Of Qt 6.
        "accessibleIdentifier setAccessibleIdentifier setScreen checkStateChanged checkableChanged enabledChanged visibleChanged",
        "associatedObjects labelDrawingMode setLabelDrawingMode keyboardSearchFlags setKeyboardSearchFlags updateThreshold",
        "setUpdateThreshold isRowVisible setRowVisible setSizeConstraints horizontalSizeConstraint verticalSizeConstraint",
        "unsetContentsMargins setHorizontalSizeConstraint setVerticalSizeConstraint intervalAsDuration dockLocation",
        "remainingTimeAsDuration setDockLocation forceShow menuInAction",
        # Of PySide6.
        "encodeMetricF isQmlExposed isQuickItemType topLevelWidget",
    )
    for name in names.split()
}
# Properties of Qt 6 that are methods in Slicer.
METHODS = {"contentsMargins", "singleShot"}
