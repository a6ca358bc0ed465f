"""The doors of rooms: names that are imported from their modules when they are first used.

Each room has a generated ``_names.py``, a table of its modules and their public names, and a generated
``__init__.pyi``, which tells type checkers the same. ``python docs/build_doors.py`` writes both from the ``__all__`` of
the modules. So code that only parses boxes does not import cryptography.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module

__all__ = ["attach"]


def attach(
    package: str, modules: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Return ``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    ``modules`` has the names that each module offers; modules are named from ``package`` on (``"keys.ring"``).
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def __getattr__(name: str) -> object:  # noqa: N807
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*vars(sys.modules[package]), *homes})

    return __getattr__, __dir__, sorted(homes, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
