"""The comparison judges from outside: nothing it imports, however far down, is Fanka's or the sandbox's."""

import ast
import subprocess
import sys

import pytest

from app.local.place import CHECKOUT

ROOMS = {"app", "handlers", "jobs", "cards", "tagging", "sandbox"}


def imports_of(module):
    path = CHECKOUT / (module.replace(".", "/") + ".py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module


@pytest.mark.parametrize("start", ["demo.compare", "demo.money_mutate", "demo.money_till", "demo.mutate", "demo.play"])
def test_nothing_of_the_house_is_imported_however_deep(start):
    seen, left = set(), [start]
    while left:
        module = left.pop()
        if module in seen:
            continue
        seen.add(module)
        for name in imports_of(module):
            assert name.split(".")[0] not in ROOMS, f"{module} imports {name}"
            if name.startswith("demo."):
                left.append(name)
    assert len(seen) >= 2


def test_loading_it_loads_nothing_of_the_house():
    code = f"import sys, demo.compare; print(sorted(name for name in sys.modules if name.split('.')[0] in {ROOMS!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
