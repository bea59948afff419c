"""Where a checkout keeps its embedded servers and their data, and which user runs them."""

import hashlib
import os
import pwd
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import SettingError

CHECKOUT = Path(__file__).resolve().parents[2]
_SOCKET_BYTES = 100
_LONGEST_SOCKET = ".s.PGSQL.5432.lock"
_SERVER_USERS = ("postgres", "nobody", "daemon")


@dataclass(frozen=True, slots=True)
class RunAs:
    """An existing unprivileged user that runs the servers when we are root, because PostgreSQL refuses root."""

    name: str
    uid: int
    gid: int

    def popen_args(self) -> dict[str, Any]:
        """What `subprocess` needs to become this user: no group of root's stays."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True, slots=True)
class Place:
    """A directory of one checkout's own. `runs_as` is None when the servers run as ourselves."""

    root: Path
    runs_as: RunAs | None

    def folder(self, name: str) -> Path:
        """A folder inside that only the servers' user may enter; made when it is missing."""
        path = self.root / name
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        """Make the servers' user the owner of `path`."""
        if self.runs_as is not None:
            os.chown(path, self.runs_as.uid, self.runs_as.gid)

    def sockets(self) -> Path:
        """A folder for unix sockets whose names stay under 100 bytes, which is less than every system allows."""
        if len(os.fsencode(self.root / "sockets" / _LONGEST_SOCKET)) < _SOCKET_BYTES:
            return self.folder("sockets")
        owner = self.runs_as.uid if self.runs_as is not None else os.getuid()
        path = Path(tempfile.gettempdir()) / f"fanka-{owner}-{short_hash(str(self.root))}"
        try:
            path.mkdir(mode=0o700)
            self.give(path)
        except FileExistsError:
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
                raise SettingError(f"{path} belongs to somebody else; set FANKA_STATE_DIR to a shorter path") from None
        return path

    def inner(self, name: str) -> "Place":
        """A place inside this one, for servers that must not meet the others."""
        return open_place(self.root / name, runs_as=self.runs_as)


def short_hash(text: str) -> str:
    """Twelve hex digits that tell two paths apart."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def place_of(environment: Mapping[str, str] | None = None, *, checkout: Path = CHECKOUT) -> Place:
    """The place of a checkout: `FANKA_STATE_DIR`, else `/var/lib/fanka/<hash>` for root, else below `XDG_STATE_HOME`.

    Raises SettingError when it cannot be made or the servers' user could not reach it.
    """
    env = os.environ if environment is None else environment
    name = short_hash(str(checkout.resolve()))
    named = env.get("FANKA_STATE_DIR", "").strip()
    if named:
        return open_place(Path(named).absolute())
    if os.getuid() == 0:
        return open_place(Path("/var/lib/fanka") / name)
    state = env.get("XDG_STATE_HOME", "").strip() or str(Path(env.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir) / ".local" / "state")
    return open_place(Path(state).absolute() / "fanka" / name)


def open_place(root: Path, *, runs_as: RunAs | None = None) -> Place:
    """Make `root` and choose the user of its servers. Raises SettingError."""
    try:
        if os.getuid() != 0:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            return Place(root, None)
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"{root} cannot be made ({error.strerror}); set FANKA_STATE_DIR to a folder that can") from error
    chosen = runs_as or _server_user(root)
    _check_reachable(root, chosen)
    return Place(root, chosen)


def _server_user(root: Path) -> RunAs:
    # Data that is already there decides, so that a user added to the machine later does not lock us out of it.
    data = root / "postgres"
    owner = data.stat().st_uid if data.is_dir() else 0
    names = [pwd.getpwuid(owner).pw_name] if owner else []
    for name in (*names, *_SERVER_USERS):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        user = RunAs(name, found.pw_uid, found.pw_gid)
        if user.uid != 0 and _can_become(user):
            return user
    raise SettingError(f"PostgreSQL does not run as root and none of the users {', '.join(_SERVER_USERS)} can run it; set DATABASE_URL")


def _can_become(user: RunAs) -> bool:
    try:
        return subprocess.run(["/bin/sh", "-c", ":"], check=False, timeout=10, **user.popen_args()).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _check_reachable(root: Path, user: RunAs) -> None:
    for folder in (root, *root.parents):
        found = folder.stat()
        if not (found.st_mode & 0o001 or (found.st_uid == user.uid and found.st_mode & 0o100)):
            raise SettingError(
                f"the user {user.name}, who runs the servers for root, cannot enter {folder}; choose another FANKA_STATE_DIR"
            )
