"""The language in which boxes are declared, and what reads and writes them by these declarations."""
