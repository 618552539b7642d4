"""Stand-in for slicer.i18n: the untranslated text, and the same demands on it as Slicer's."""

import slicer


def translate(context, text):
    return slicer.app.translate(context, text)


def tr(text):
    if not isinstance(text, str):
        raise TypeError(f"_() takes a text, and was given {text!r}.")
    return translate("", text)
