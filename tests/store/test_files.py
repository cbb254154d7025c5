"""Files are whole or not there, and a link is made only to a file that holds the same bytes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from collector.store.files import (
    link_if_same,
    make_folder,
    point_link,
    sweep,
    write_file,
    written_beside,
)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_file_is_private_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_file(tmp_path / "a.txt", b"whole")

    assert (tmp_path / "a.txt").read_bytes() == b"whole"
    assert _mode(tmp_path / "a.txt") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    write_file(tmp_path / "a.txt", b"old")

    def write_half() -> None:
        with written_beside(tmp_path / "a.txt") as file:
            file.write(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert (tmp_path / "a.txt").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_the_new_file_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    with written_beside(tmp_path / "a.txt") as file:
        file.write(b"half")
        file.flush()
        assert not (tmp_path / "a.txt").exists()

    assert (tmp_path / "a.txt").read_bytes() == b"half"


def test_a_folder_is_private_and_a_file_in_its_place_is_an_error(tmp_path: Path) -> None:
    assert make_folder(tmp_path / "new")
    assert not make_folder(tmp_path / "new")
    assert _mode(tmp_path / "new") == 0o700

    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        make_folder(tmp_path / "file")


def test_an_equal_file_is_linked(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    content = os.urandom((1 << 20) + 7)
    write_file(old, content)

    assert link_if_same(old, new, content)
    assert new.samefile(old)
    assert link_if_same(old, new, content), "linking once more is no change"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_a_link_takes_the_place_of_another_file(tmp_path: Path) -> None:
    write_file(tmp_path / "old", b"same")
    write_file(tmp_path / "new", b"other")

    assert link_if_same(tmp_path / "old", tmp_path / "new", b"same")
    assert (tmp_path / "new").read_bytes() == b"same"


@pytest.mark.parametrize("held", [b"", b"shame", b"samE", b"same\n"])
def test_a_file_that_differs_is_not_linked(tmp_path: Path, held: bytes) -> None:
    write_file(tmp_path / "old", held)

    assert not link_if_same(tmp_path / "old", tmp_path / "new", b"same")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_only_a_private_regular_file_is_linked(tmp_path: Path) -> None:
    write_file(tmp_path / "target", b"same")
    (tmp_path / "symlink").symlink_to("target")
    write_file(tmp_path / "open", b"same")
    (tmp_path / "open").chmod(0o644)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir()

    for name in ("symlink", "open", "pipe", "folder", "absent"):
        assert not link_if_same(tmp_path / name, tmp_path / "new", b"same"), name
    assert not link_if_same(tmp_path / "pipe", tmp_path / "new", b""), "a pipe looks empty"
    assert not (tmp_path / "new").exists()


def test_a_link_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    write_file(tmp_path / "old", b"same")

    assert not link_if_same(tmp_path / "old", tmp_path / "absent" / "new", b"same")


def test_a_symbolic_link_is_replaced_in_one_step(tmp_path: Path) -> None:
    point_link(tmp_path / "latest", "one")
    point_link(tmp_path / "latest", "two")

    assert os.readlink(tmp_path / "latest") == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]


def test_a_folder_in_the_place_of_a_symbolic_link_stays(tmp_path: Path) -> None:
    (tmp_path / "latest" / "inside").mkdir(parents=True)

    with pytest.raises(OSError, match="latest"):
        point_link(tmp_path / "latest", "one")
    assert (tmp_path / "latest" / "inside").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["latest"]


def test_a_sweep_leaves_what_is_to_be_kept_and_folders(tmp_path: Path) -> None:
    for name in ("kept.txt", "gone.txt", ".1f.tmp"):
        (tmp_path / name).touch()
    (tmp_path / "folder").mkdir()

    sweep(tmp_path, frozenset({"kept.txt"}))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "kept.txt"]
