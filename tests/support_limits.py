"""What the limits of the house count: sizes of files, functions and classes, from the syntax tree of a package."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass
class Class:
    """A class: what it sets on itself and offers, with what it has from the classes of the package above it."""

    name: str
    home: str
    bases: list[str] = field(default_factory=list)
    attributes: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)


def lines(path: Path) -> int:
    """Lines of a file."""
    return len(path.read_text().splitlines())


def p90(sizes: list[int]) -> int:
    """The size that nine of ten do not exceed."""
    return sorted(sizes)[-(-len(sizes) * 9 // 10) - 1]


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function, without decorators and docstring."""
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTIONS):
            assert node.end_lineno is not None
            text = node.body[0]
            is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
            docstring = (text.end_lineno or text.lineno) - text.lineno + 1 if is_text else 0
            yield node.name, node.end_lineno - node.lineno + 1 - docstring


def classes(package: Path) -> dict[str, Class]:
    """All classes of a package by module and name, with what they inherit from others of it."""
    found: dict[str, Class] = {}
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        found |= {f"{module}.{one.name}": one for one in classes_of(ast.parse(path.read_text()), module)}
    doors = {f"{'.'.join(name.split('.')[:2])}.{one.name}": one for name, one in found.items()}
    by_name = doors | found
    for one in found.values():
        for base in _ancestors(one, by_name):
            one.attributes |= base.attributes
            one.methods |= base.methods
    return found


def _ancestors(one: Class, by_name: dict[str, Class]) -> Iterator[Class]:
    """The classes above one, as far as they are of the package."""
    for name in one.bases:
        if name in by_name:
            yield by_name[name]
            yield from _ancestors(by_name[name], by_name)


def classes_of(tree: ast.Module, module: str) -> Iterator[Class]:
    """The classes of a module, with what they set and offer themselves."""
    homes = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
            names = [base.id for base in bases if isinstance(base, ast.Name)]
            one = Class(node.name, module, [homes.get(name, f"{module}.{name}") for name in names])
            one.attributes.update(_fields(node))
            for function in node.body:
                if isinstance(function, _FUNCTIONS):
                    one.attributes.update(_set_on_self(function))
                    if not function.name.startswith("_"):
                        one.methods.add(function.name)
            yield one


def _fields(node: ast.ClassDef) -> Iterator[str]:
    """Declared fields (of dataclasses, boxes, named tuples), and slots."""
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            if "ClassVar" not in ast.unparse(line.annotation):
                yield line.target.id
        elif isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "__slots__":
            yield from (slot for slot in ast.literal_eval(line.value) if slot != "__weakref__")


def _set_on_self(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """What a method sets on its first parameter, by a statement or by ``setattr`` of that name."""
    if not function.args.args:
        return
    first = function.args.args[0].arg
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == first:
            yield node.attr
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("setattr", "object.__setattr__"):
            target, name = node.args[:2]
            if ast.unparse(target) == first and isinstance(name, ast.Constant):
                yield str(name.value)
