"""Write docs/conformance.md: every requirement of the specification with the tests that prove it.

Reads the marks ``@pytest.mark.requirement("ANX-B.4-03")`` in the tests without running them, the list of requirement
ids in ``requirements.tsv``, for what no test of a library can prove ``conformance_reasons.tsv``, and for what is not
done as it is written ``conformance_deviations.tsv``: there the marked tests prove the literal reading, which a switch
gives, and must name that switch. Run it after adding or moving a mark; CI holds the page to be up to date.
"""

import ast
import csv
import sys
from collections import defaultdict
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
HEAD = """# Conformance

Every requirement of the ONVIF Recording Control Service Specification 25.12 that was found in its text, with the
tests that prove it (`tests/…::name`), or the reason why no test of this library can. A **deviation** is a requirement
that is not met by default, on purpose; its tests prove what a switch gives. Written by
`python docs/build_conformance.py` from the marks in the tests; do not edit.

"""


def requirement_ids(call: ast.expr) -> list[str]:
    """Ids in a ``pytest.mark.requirement(...)`` call; none if it is another expression."""
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "requirement":
        return [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    return []


def marks_below(node: ast.AST) -> list[str]:
    """Ids of all marks in the decorators of a function or class."""
    found = []
    for decorator in getattr(node, "decorator_list", []):
        for inner in ast.walk(decorator):
            if isinstance(inner, ast.expr):
                found += requirement_ids(inner)
    return found


def tests_in(path: Path) -> list[tuple[str, list[str]]]:
    """Names of the tests in a file, each with the ids that it proves."""
    tree = ast.parse(path.read_text())
    of_module: list[str] = []
    found: list[tuple[str, list[str]]] = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
        ):
            of_module += [
                one for inner in ast.walk(node.value) if isinstance(inner, ast.expr) for one in requirement_ids(inner)
            ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            found.extend(
                (f"{node.name}::{member.name}", marks_below(node) + marks_below(member) + of_module)
                for member in node.body
                if isinstance(member, ast.FunctionDef) and member.name.startswith("test")
            )
            if marks_below(node) and not any(
                isinstance(member, ast.FunctionDef) and member.name.startswith("test") for member in node.body
            ):
                found.append((node.name, marks_below(node)))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            found.append((node.name, marks_below(node) + of_module))
        elif isinstance(node, ast.FunctionDef) and marks_below(node):
            found.append((node.name, marks_below(node)))
    return found


def collect() -> dict[str, list[str]]:
    """Tests by requirement id."""
    proofs: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("*.py")):
        for name, ids in tests_in(path):
            for one in ids:
                proofs[one].add(f"{path.relative_to(ROOT)}::{name}")
    tidy = {}
    for one, names in proofs.items():
        methods = {name.split("::")[0] + "::" + name.split("::")[2] for name in names if name.count("::") == 2}
        tidy[one] = sorted(name for name in names if name not in methods)
    return tidy


def mentions(proof: str, word: str) -> bool:
    """Whether the code of a test that ``collect`` names has a word in it."""
    path, _, name = proof.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    return any(
        isinstance(node, ast.FunctionDef) and node.name == name.rpartition("::")[2] and word in ast.unparse(node)
        for node in ast.walk(tree)
    )


def read_tsv(name: str) -> list[list[str]]:
    """Rows of a table beside this file, without its header."""
    path = DOCS / name
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row and row[0] != "id"]


def page() -> tuple[str, list[str]]:
    """The page, and what is wrong: ids that are unknown, or have neither test nor reason."""
    requirements = read_tsv("requirements.tsv")
    reasons = {row[0]: row[1] for row in read_tsv("conformance_reasons.tsv")}
    deviations = {row[0]: (row[1], row[2]) for row in read_tsv("conformance_deviations.tsv")}
    proofs = collect()
    known = {row[0] for row in requirements}
    wrong = [f"{one}: marked in a test, but no requirement" for one in sorted(proofs.keys() - known)]
    wrong += [f"{one}: has a reason, but is no requirement" for one in sorted(reasons.keys() - known)]
    wrong += [f"{one}: is a deviation, but no requirement" for one in sorted(deviations.keys() - known)]
    for one, (switch, _) in sorted(deviations.items()):
        tests = proofs.get(one, [])
        if not tests or not all(mentions(test, switch.rpartition(".")[2]) for test in tests):
            wrong.append(f"{one}: is a deviation, and its marked tests do not all use the switch {switch}")
    lines: list[str] = []
    layers: dict[str, list[list[str]]] = defaultdict(list)
    for row in requirements:
        layers[row[3]].append(row)
    summary = [
        "| layer | requirements | proven by tests | deviation | reason given | open |",
        "|---|---|---|---|---|---|",
    ]
    for layer, rows in sorted(layers.items()):
        proven = sum(row[0] in proofs and row[0] not in deviations for row in rows)
        deviating = sum(row[0] in deviations for row in rows)
        reasoned = sum(row[0] not in proofs and row[0] in reasons for row in rows)
        unproven = len(rows) - proven - deviating - reasoned
        summary.append(f"| {layer} | {len(rows)} | {proven} | {deviating} | {reasoned} | {unproven} |")
        lines += ["", f"## {layer}", "", "| id | section | level | proof |", "|---|---|---|---|"]
        for one, section, level, _ in rows:
            if one in proofs:
                proof = "<br>".join(f"`{name.removeprefix('tests/')}`" for name in proofs[one])
                if one in deviations:
                    switch, text = deviations[one]
                    proof = f"**deviation**: {text} Switch: `{switch}`. With it:<br>{proof}"
                if one in reasons:
                    proof += f"<br>{reasons[one]}"
            elif one in reasons:
                proof = f"no test: {reasons[one]}"
            else:
                proof = "**open**"
                wrong.append(f"{one}: neither a test nor a reason")
            lines.append(f"| {one} | {section} | {level} | {proof} |")
    return HEAD + "\n".join(summary) + "\n" + "\n".join(lines) + "\n", wrong


def main() -> int:
    """Write the page, or with ``--check`` compare it with what is there; 1 if something is wrong with it."""
    text, wrong = page()
    if "--check" in sys.argv[1:]:
        if text != (DOCS / "conformance.md").read_text():
            wrong.append("docs/conformance.md is out of date: run python docs/build_conformance.py")
    else:
        (DOCS / "conformance.md").write_text(text)
    for line in wrong:
        print(line)
    print(f"{len(wrong)} open")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
