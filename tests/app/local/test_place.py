"""Where the embedded servers live: a folder for each checkout, a user who is not root, and sockets with short names."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from app.core.errors import SettingError
from app.local.place import open_place, place_of

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root needs another user for its servers")


def test_two_checkouts_have_two_places(own_place, tmp_path):
    env = {"XDG_STATE_HOME": str(own_place.root)}
    if os.getuid() != 0:
        first, second = (place_of(env, checkout=tmp_path / name) for name in ("one", "two"))
        assert first.root.parent == second.root.parent == own_place.root / "fanka"
        assert first.root != second.root
    else:
        first, second = (place_of(env, checkout=tmp_path / name) for name in ("one", "two"))
        try:
            assert first.root.parent == second.root.parent == Path("/var/lib/fanka")
            assert first.root != second.root
        finally:
            first.root.rmdir()
            second.root.rmdir()


def test_the_state_folder_can_be_named(own_place):
    place = place_of({"FANKA_STATE_DIR": str(own_place.root / "named")})
    assert place.root == own_place.root / "named"
    assert place.root.is_dir()


def test_a_folder_that_cannot_be_made_is_named_in_the_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=r"file/state.*FANKA_STATE_DIR"):
        place_of({"FANKA_STATE_DIR": str(tmp_path / "file" / "state")})


@as_root
def test_root_gives_its_servers_to_an_unprivileged_user(own_place):
    assert own_place.runs_as is not None
    assert own_place.runs_as.uid != 0
    folder = own_place.folder("postgres")
    assert folder.stat().st_uid == own_place.runs_as.uid
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@as_root
def test_data_that_is_there_decides_who_runs_the_server(own_place):
    root = own_place.root / "elder"
    data = root / "postgres"
    data.mkdir(parents=True)
    os.chown(data, 1, 1)
    root.chmod(0o711)
    chosen = open_place(root).runs_as
    assert chosen is not None
    assert chosen.uid == 1


@as_root
def test_a_folder_the_servers_user_cannot_enter_is_refused(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(SettingError, match="cannot enter"):
        open_place(closed / "state")


def test_sockets_of_a_long_path_stay_under_a_hundred_bytes(own_place):
    short = own_place.sockets()
    assert short == own_place.root / "sockets"
    deep = own_place.inner("/".join(["a-long-name-of-a-folder"] * 6))
    sockets = deep.sockets()
    try:
        assert len(os.fsencode(sockets / ".s.PGSQL.5432.lock")) < 100
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert deep.sockets() == sockets
        sockets.chmod(0o755)
        with pytest.raises(SettingError, match="belongs to somebody else"):
            deep.sockets()
    finally:
        shutil.rmtree(sockets)
