"""What the radiologist sees: one panel per file, each with its Resources/UI/<Name>Panel.ui. Panels do not know each other."""
