"""Files: written whole or not at all, with the permissions that they had, through names that nobody can foresee."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

import pytest

import symfold as sf
from symfold.base.files import check_writable, replacing, write_whole
from symfold.errors import DataError, SystemFailure

posix = pytest.mark.skipif(os.name != "posix", reason="needs permissions and links")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_text() == "before" and [p.name for p in tmp_path.iterdir()] == ["out.txt"]
    write_whole(path, b"after")
    assert path.read_text() == "after" and [p.name for p in tmp_path.iterdir()] == ["out.txt"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a folder"), replacing(tmp_path):
        pass
    with pytest.raises(DataError, match="no folder"), replacing(tmp_path / "none" / "out.txt"):
        pass
    for name in ("a\0b", "a" * 5000):
        with pytest.raises(DataError, match="cannot write"):
            check_writable(tmp_path / name)
        with pytest.raises(DataError, match="cannot write"):
            check_writable(name, name)


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 250 + ".txt")
    write_whole(path, b"whole")
    assert path.read_bytes() == b"whole"


@posix
@pytest.mark.parametrize("kept", [0o640, 0o600, 0o444, 0o755])
def test_a_replaced_file_keeps_its_permissions(kept: int, tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("before")
    path.chmod(kept)
    write_whole(path, b"after")
    assert (path.read_text(), mode(path)) == ("after", kept)


@posix
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_a_new_file_has_the_permissions_of_the_umask(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "out.txt", b"new")
        assert mode(tmp_path / "out.txt") == 0o666 & ~mask
        assert os.umask(mask) == mask
    finally:
        os.umask(before)


@posix
def test_no_planted_link_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, path = tmp_path / "victim", tmp_path / "out.txt"
    victim.write_text("precious")
    (tmp_path / f".out.{os.getpid()}.txt").symlink_to(victim)
    names = iter(["planted", "free"])
    monkeypatch.setattr(tempfile, "_get_candidate_names", lambda: names)
    (tmp_path / ".symfold.planted").symlink_to(victim)
    write_whole(path, b"new")
    assert victim.read_text() == "precious" and path.read_text() == "new" and not path.is_symlink()


@posix
def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", b"first")
    write_whole(tmp_path / "link", b"second")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_bytes() == b"second"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_a_failure_of_the_machine() -> None:
    with pytest.raises(SystemFailure, match="cannot write '/dev/full': no space left on device"):
        write_whole("/dev/full", b"whole")
    assert issubclass(SystemFailure, OSError)


def test_devices_are_written_to() -> None:
    write_whole(os.devnull, b"gone")


def test_paths_are_texts_or_paths_and_may_start_at_home(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    net = sf.Net.of(sf.tensor("x") * 2)
    sf.export.save(net, "~/net.dot")
    sf.save("~/net.safetensors", net, {})
    assert sf.load("~/net.safetensors")[0] == net
    assert {path.name for path in tmp_path.iterdir()} == {"net.dot", "net.safetensors"}
    for write in (net.draw, lambda path: sf.save(path, net, {}), lambda path: sf.export.save(net, path)):
        for path in (5, b"net.dot") if write == net.draw else (None, 5, b"net.dot"):
            with pytest.raises(sf.errors.InvalidType, match="is not a path"):
                write(path)
