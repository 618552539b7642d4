"""One panel per file, each with its Resources/UI/<Name>Panel.ui. Panels do not know each other."""
