"""Count how a checkout of featx is built, or two of them beside each other; standard library only.

    python tools/structure.py .                    # this checkout
    python tools/structure.py ../before .          # before and after
    python tools/structure.py . --list             # every cycle, docstring and name behind the figures

Imports count wherever they stand: under ``if TYPE_CHECKING`` and inside functions too. A cycle is a set of
modules that reach each other through imports outside functions.
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

PREPOSITIONS = frozenset(
    "about above across after against along among around as at before behind below beneath beside besides "
    "between beyond by despite down during except for from in inside into like near of off on onto out "
    "outside over past per since through throughout till to toward under until unlike up upon via with "
    "within without".split()
)
LONGEST_MODULE, LONGEST_FUNCTION, MOST_PARAMETERS = 500, 40, 7
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its dotted name, its text, its syntax tree."""

    name: str
    is_package: bool
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """Return the number of lines."""
        return len(self.text.splitlines())

    @property
    def trailing_comments(self) -> int:
        """Return how many comments stand at the end of a line of code; those for tools do not count."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        comments = [token for token in tokens if token.type == tokenize.COMMENT]
        told = [c for c in comments if not c.string.startswith(("# type:", "# noqa", "# pragma"))]
        return sum(bool(comment.line[: comment.start[1]].strip()) for comment in told)

    @property
    def package(self) -> str:
        """Return the name of the folder that holds the module."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Yield every function and method with its qualified name."""
        todo: list[tuple[str, ast.AST]] = [(self.name, self.tree)]
        while todo:
            prefix, node = todo.pop()
            for child in ast.iter_child_nodes(node):
                named = isinstance(child, Function | ast.ClassDef)
                name = f"{prefix}.{child.name}" if named else prefix  # type: ignore[attr-defined]
                if isinstance(child, Function):
                    yield name, child
                todo.append((name, child))

    def imports(self, known: Mapping[str, Module], *, lazy: bool = True) -> Iterator[str]:
        """Yield the names of known modules that are imported; without ``lazy`` not inside functions."""
        todo: list[ast.AST] = [self.tree]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names if alias.name in known)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = self.package.split(".")
                    start = ".".join(parts[: len(parts) - node.level + 1])
                    base = f"{start}.{base}".rstrip(".")
                for alias in node.names:
                    inner = f"{base}.{alias.name}"
                    if inner in known or base in known:
                        yield inner if inner in known else base
            elif lazy or not isinstance(node, Function):
                todo.extend(ast.iter_child_nodes(node))


def read_modules(root: Path, package: str = "featx") -> dict[str, Module]:
    """Return every module below the package, by name."""
    modules = {}
    for path in sorted((root / package).rglob("*.py")):
        parts = list(path.relative_to(root).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name, text = ".".join(parts[:-1] if is_package else parts), path.read_text(encoding="utf-8")
        modules[name] = Module(name, is_package, text, ast.parse(text))
    if not modules:
        raise SystemExit(f"{root}: expected a checkout with {package}/, found no module in it")
    return modules


def find_cycles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that reach each other, largest first."""
    reached = {name: _reachable(name, edges) for name in edges}
    cycles = {frozenset(m for m in reached[n] if n in reached[m]) for n in edges if n in reached[n]}
    return sorted((sorted(cycle) for cycle in cycles), key=len, reverse=True)


def _reachable(name: str, edges: Mapping[str, set[str]]) -> set[str]:
    seen, todo = set[str](), [name]
    while todo:
        for target in edges.get(todo.pop(), ()):
            if target not in seen:
                seen.add(target)
                todo.append(target)
    return seen


def count_parameters(function: Function) -> int:
    """Return how many arguments a caller can give; self and cls are none."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    names += [a.arg for a in (given.vararg, given.kwarg) if a]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def find_prepositions(modules: Mapping[str, Module]) -> list[str]:
    """Return every docstring that begins with a preposition, with its place."""
    found = []
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Module | ast.ClassDef | Function):
                words = (ast.get_docstring(node) or "").split()
                if words and words[0].strip(",.:;").lower() in PREPOSITIONS:
                    name = getattr(node, "name", "")
                    found.append(f"{module.name}.{name}: {' '.join(words[:9])}".replace(".:", ":"))
    return found


def find_repeated(modules: Mapping[str, Module]) -> dict[str, list[str]]:
    """Return the functions and classes that two or more modules define at their top level."""
    homes = defaultdict(list)
    for module in modules.values():
        for node in module.tree.body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("__"):
                homes[node.name].append(module.name)
    return {name: places for name, places in sorted(homes.items()) if len(places) > 1}


def count_lines(root: Path, *folders: str) -> int:
    """Return the lines of all Python files below some folders of a checkout."""
    paths = [path for folder in folders for path in (root / folder).rglob("*.py")]
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


@dataclass(frozen=True, slots=True)
class Structure:
    """The figures of one checkout, and what stands behind them."""

    figures: Mapping[str, object]
    longest: Sequence[tuple[int, str]]
    widest: Sequence[tuple[int, str]]
    details: Mapping[str, Sequence[str]]


def measure(root: Path) -> Structure:
    """Count everything in one checkout."""
    modules = read_modules(root)
    eager = {n: set(m.imports(modules, lazy=False)) - {n} for n, m in modules.items()}
    crossing = [
        (module.package, modules[target].package)
        for module in modules.values()
        for target in module.imports(modules)
        if module.package != modules[target].package
    ]
    functions = [pair for module in modules.values() for pair in module.functions()]
    lengths = [((f.end_lineno or 0) - f.lineno + 1, name) for name, f in functions]
    widths = [(count_parameters(f), name) for name, f in functions]
    cycles, prepositions, repeated = (
        find_cycles(eager),
        find_prepositions(modules),
        find_repeated(modules),
    )
    public = [name for name in repeated if not name.startswith("_")]
    code, tests = count_lines(root, "featx"), count_lines(root, "tests")
    long = [f"{m.name}: {m.lines}" for m in modules.values() if m.lines > LONGEST_MODULE]
    figures = {
        "modules": len(modules),
        "packages": sum(module.is_package for module in modules.values()),
        "imports between packages": len(crossing),
        "pairs of packages, one importing the other": len(set(crossing)),
        "cycles of modules": len(cycles),
        f"modules above {LONGEST_MODULE} lines": len(long),
        f"functions above {LONGEST_FUNCTION} lines": sum(n > LONGEST_FUNCTION for n, _ in lengths),
        f"functions above {MOST_PARAMETERS} parameters": sum(
            n > MOST_PARAMETERS for n, _ in widths
        ),
        "lines of featx/": code,
        "lines of tests/": tests,
        "lines of tests to one of featx/": f"{tests / code:.2f}",
        "lines of benchmarks/": count_lines(root, "benchmarks"),
        "lines of recipes/, and of scripts in models/": count_lines(root, "recipes", "models"),
        "docstrings that begin with a preposition": len(prepositions),
        "comments at the end of a line of code": sum(m.trailing_comments for m in modules.values()),
        "names defined in two modules or more": len(repeated),
        "of these without underscore": len(public),
    }
    details = {
        "cycles of modules": [", ".join(cycle) for cycle in cycles],
        "long modules": long,
        "docstrings that begin with a preposition": prepositions,
        "names defined twice": [
            f"{name}: {', '.join(places)}" for name, places in repeated.items()
        ],
    }
    return Structure(figures, sorted(lengths)[:-11:-1], sorted(widths)[:-11:-1], details)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table, its columns aligned."""
    lines = [list(heads), *(list(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    for line in lines:
        print(f"| {' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |")
    print()


def main() -> None:
    """Print the figures of one checkout, or of two beside each other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkouts", nargs="+", type=Path, help="one, or before and after")
    parser.add_argument(
        "--list", action="store_true", help="what stands behind the last one's figures"
    )
    given = parser.parse_args()
    if len(given.checkouts) > 2:
        parser.error("one checkout or two")
    found = [measure(root) for root in given.checkouts]
    heads = ["before", "after"] if len(found) == 2 else ["found"]
    print_table(["", *heads], [[k, *(each.figures[k] for each in found)] for k in found[0].figures])
    for title, kind in (("longest functions, lines", "longest"), ("most parameters", "widest")):
        columns = [[f"{n} {name}" for n, name in getattr(each, kind)] for each in found]
        print_table(
            [f"{title}: {head}" for head in heads], list(zip_longest(*columns, fillvalue=""))
        )
    if given.list:
        for title, lines in found[-1].details.items():
            print(f"{title}:", *(lines or ["none"]), sep="\n  ")


if __name__ == "__main__":
    main()
