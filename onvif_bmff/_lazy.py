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
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a package; ``__all__`` is one of its attributes.

    ``modules`` has the names that each module offers; modules are named from ``package`` on (``"keys.ring"``). Nothing
    is worked out before somebody asks for a name.
    """
    homes: dict[str, str] = {}

    def names() -> dict[str, str]:
        if not homes:
            homes.update({name: module for module, names in modules.items() for name in names})
        return homes

    def __getattr__(name: str) -> object:  # noqa: N807
        value: object
        if name == "__all__":
            value = sorted(names(), key=lambda name: (not name.isupper(), not name[0].isupper(), name))
        elif name in names():
            value = getattr(import_module(f"{package}.{homes[name]}"), name)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*vars(sys.modules[package]), *names(), "__all__"})

    return __getattr__, __dir__
