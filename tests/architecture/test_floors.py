"""Every module stands on a floor, the floors are kept, and both checks can fail."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app.local.place import CHECKOUT
from tests.support.house_rules import Source, of_the_house, off_the_floors, plug_in_folders, sources

CONTRACTS = {
    contract["id"]: contract for contract in tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
FLOORS = [floor.strip(" ()") for layer in CONTRACTS["floors"]["layers"] for floor in layer.replace("|", ":").split(":")]


def test_every_module_lies_on_a_floor():
    assert [found for source in sources() if (found := off_the_floors(source, FLOORS))] == []


@pytest.mark.parametrize("path", ["app/extra.py", "app/corex/thing.py", "loyalty/points.py", "stray.py"])
def test_a_module_off_the_floors_is_found(path):
    assert off_the_floors(Source(path, ""), FLOORS) == f"{path} lies on no floor"


def test_the_floors_are_those_of_the_paper():
    drawn = (CHECKOUT / "docs/architecture.md").read_text().split("```")[1]
    places = [
        drawn.index(name)
        for name in ("app/factory.py", "app/web/", "handlers/", "jobs/", "cards/", "tagging/", "app/wechat/", "app/core/", "sandbox/")
    ]
    assert places == sorted(places)
    order = [FLOORS.index(name) for name in ("app.factory", "app.web", "handlers", "jobs", "cards", "tagging", "app.wechat", "app.core")]
    assert order == sorted(order)


def test_the_ground_floor_and_the_roof_meet_in_an_empty_file():
    assert (CHECKOUT / "app/__init__.py").read_bytes() == b""


def test_every_plug_in_folder_is_under_contract():
    listed = {name.removesuffix(".*") for name in CONTRACTS["plug-ins"]["modules"]}
    used = plug_in_folders(of_the_house(sources()))
    assert used
    assert used <= listed
    assert plug_in_folders([Source("app/x.py", 'discover("cards.earning")\nMORE_FOLDERS = ("cards.coupon_types",)')]) == {
        "cards.earning",
        "cards.coupon_types",
    }


def test_the_migrations_know_the_models_and_nothing_else():
    for source in sources():
        if source.room == "migrations":
            rooms = {line.split()[1].split(".")[0] for line in source.text.splitlines() if line.startswith(("import ", "from "))}
            assert rooms & {"handlers", "jobs", "cards", "tagging", "sandbox"} == set(), source.path


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run(
        [*command, "--no-cache", "--no-logo", "--config", str(root / "pyproject.toml")],
        cwd=root,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def small_house(root: Path, **modules: str) -> Path:
    """Our contracts over a house of one module a floor, with the source of some of them given."""
    text = (CHECKOUT / "pyproject.toml").read_text()
    (root / "pyproject.toml").write_text(text[text.index("[tool.importlinter]") :])
    given = {name.replace("__", "/") + ".py": source for name, source in modules.items()}
    folders = {
        *(floor.replace(".", "/") for floor in FLOORS if floor not in {"app.factory", "app.cli", "app.worker"}),
        *(name.removesuffix(".*").replace(".", "/") for name in CONTRACTS["plug-ins"]["modules"]),
        *("app", "sandbox", "demo", "app/web/webhook", "app/web/console"),
    }
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "__init__.py").touch()
    for name in (
        "app/factory",
        "app/worker",
        "handlers/on/one",
        "handlers/on/two",
        "tagging/tags",
        "app/core/clock",
        "jobs/drain",
        "sandbox/world",
    ):
        (root / f"{name}.py").touch()
    for path, source in given.items():
        (root / path).write_text(source)
    return root


def test_the_contracts_hold_for_a_house_that_keeps_them(tmp_path):
    answer = lint(
        small_house(
            tmp_path, handlers__on__one="import tagging.tags", app__wechat__gateway="import wechatpy", jobs__drain="import app.wechat"
        )
    )
    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize(
    ("module", "source", "contract"),
    [
        ("app__core__clock", "import tagging.tags", "Floors"),
        ("tagging__tags", "import jobs.drain", "Floors"),
        ("jobs__drain", "import handlers.on.one", "Floors"),
        ("handlers__on__one", "import app.factory", "Floors"),
        ("app__factory", "import app.worker", "Floors"),
        ("handlers__on__one", "import handlers.on.two", "The modules of one plug-in folder"),
        ("app__web__webhook__page", "import app.web.console", "The packages of the web floor"),
        ("jobs__drain", "import wechatpy", "Only the gateway"),
        ("sandbox__world", "import app.core.clock", "The sandbox imports no room"),
        ("sandbox__world", "import sqlalchemy", "The sandbox imports no room"),
        ("app__worker", "import sandbox.world", "No room imports the sandbox"),
        ("demo__verdict", "import tagging.tags", "The demo knows no room"),
    ],
)
def test_a_broken_floor_is_found(tmp_path, module, source, contract):
    answer = lint(small_house(tmp_path, **{module: source}))
    assert answer.returncode == 1, answer.stderr
    broken = answer.stdout.split("Broken contracts")[1]
    assert contract in broken


def test_a_circle_is_found(tmp_path):
    answer = lint(small_house(tmp_path, tagging__tags="import tagging.more", tagging__more="import tagging.tags"))
    assert answer.returncode == 1
    assert "No cycles are allowed in tagging" in answer.stdout
