import os
import pathlib
import platform

import pytest

from impasto import disk_cache, files
from impasto.errors import InputError, WriteError
from impasto.files import atomic_write, check_output, exists, is_same, remove_leftovers, replace, sibling


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    with atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("all of it")
        assert not (tmp_path / "a.txt").exists()
        assert temporary.suffix == ".txt"
    assert (tmp_path / "a.txt").read_text() == "all of it"
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "b.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_is_replaced_only_when_allowed_and_stays_when_the_new_one_fails(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(InputError, match="exists already"), atomic_write(path):
        pass
    with pytest.raises(WriteError, match="no space left"), atomic_write(path, overwrite=True) as temporary:
        temporary.write_text("ne")
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_appeared_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(InputError, match="exists already"), atomic_write(path) as temporary:
        temporary.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs"


def names(folder):
    return {each.name for each in folder.iterdir()}


def windows_error(cls, code):
    """Return an error as Windows raises it, with a number of its own."""
    error = cls(13 if cls is PermissionError else 22, "Refused")
    error.winerror = code
    return error


@pytest.fixture
def reader(monkeypatch):
    """Refuse a number of times to replace a file, as Windows does while a program has it open; list the tries."""

    def refuse(count):
        tries, replace_file = [], pathlib.Path.replace

        def try_to_replace(self, target):
            tries.append(target)
            if len(tries) <= count:
                raise windows_error(PermissionError, 32)
            return replace_file(self, target)

        monkeypatch.setattr(files, "_RETRY_SECONDS", 0.001)
        monkeypatch.setattr(pathlib.Path, "replace", try_to_replace)
        return tries

    return refuse


def test_a_file_that_a_program_on_windows_has_open_is_replaced_when_it_is_closed(tmp_path, reader, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    assert len(reader(3)) == 0
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    monkeypatch.setattr(files, "BUSY_SECONDS", 0.01)
    reader(1_000_000)
    with pytest.raises(WriteError, match="refused"), atomic_write(path, overwrite=True) as temporary:
        temporary.write_text("newer")
    assert [each.read_text() for each in tmp_path.iterdir()] == ["new"]


def test_a_file_that_may_not_be_replaced_elsewhere_is_not_tried_again(tmp_path, monkeypatch):
    tries = []

    def refuse(self, target):
        tries.append(target)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "replace", refuse)
    with pytest.raises(PermissionError):
        replace(tmp_path / "a", tmp_path / "b")
    assert len(tries) == 1


def test_there_is_no_file_of_a_name_that_windows_does_not_know(tmp_path, monkeypatch):
    def stat(self, **_):
        raise windows_error(OSError, 123)

    monkeypatch.setattr(pathlib.Path, "stat", stat)
    assert not exists(tmp_path / "*.jpg")
    with pytest.raises(InputError, match="refused; choose another name"):
        check_output(tmp_path / "*.jpg")


@pytest.mark.parametrize(
    "name", ["a:b.png", "a?.png", "*.png", "a|b.png", '"a".png', "a<b>.png", "a\tb.png", "a.png.", "a.png "]
)
def test_a_name_that_no_file_has_on_windows_is_refused_before_any_work(tmp_path, monkeypatch, name):
    check_output(tmp_path / name)
    monkeypatch.setattr("sys.platform", "win32")
    check_output(tmp_path / "a, (1) é #x.png")
    with pytest.raises(InputError, match="cannot be a file's name on Windows; choose one without"):
        check_output(tmp_path / name)


def test_what_a_killed_process_left_of_a_file_is_removed_before_the_file_is_written_again(tmp_path, killed):
    for name in ("a.png", "b", LONGEST):
        killed(tmp_path / name)
        other = killed(tmp_path / "another.png").name
        with atomic_write(tmp_path / name) as temporary:
            assert names(tmp_path) == {other}  # so there is room for what is written
            temporary.write_text("it")
        assert names(tmp_path) == {name, other}
        remove_leftovers(tmp_path / "another.png")
        assert names(tmp_path) == {name}
        (tmp_path / name).unlink()


def test_what_a_killed_process_left_is_found_through_a_link(tmp_path, killed):
    (tmp_path / "real").mkdir()
    (tmp_path / "a.png").symlink_to("real/b.png")
    killed(tmp_path / "a.png")
    assert names(tmp_path / "real")
    remove_leftovers(tmp_path / "a.png")
    assert not names(tmp_path / "real")
    assert (tmp_path / "a.png").is_symlink()


def test_processes_and_blocks_that_write_one_file_at_a_time_leave_each_other_alone(tmp_path, start_writer):
    path = tmp_path / "a.txt"
    process, foreign = start_writer(path)
    with atomic_write(path, overwrite=True) as outer:
        outer.write_text("outer")
        with atomic_write(path, overwrite=True) as inner:
            inner.write_text("inner")
        assert names(tmp_path) == {"a.txt", outer.name, foreign.name}
        remove_leftovers(path)
    assert path.read_text() == "outer"
    assert names(tmp_path) == {"a.txt", foreign.name}
    process.communicate("")
    assert process.returncode == 0
    assert path.read_text() == "all of it"
    assert names(tmp_path) == {"a.txt"}


def test_what_another_machine_writes_stays_until_nobody_has_written_to_it_for_an_hour(tmp_path, killed, monkeypatch):
    leftover = killed(tmp_path / "a.txt")
    monkeypatch.setattr(platform, "node", lambda: "another machine")
    remove_leftovers(tmp_path / "a.txt")
    written = leftover.stat().st_mtime
    os.utime(leftover, (written, written - files.LEFTOVER_SECONDS + 60))
    remove_leftovers(tmp_path / "a.txt")
    assert names(tmp_path) == {leftover.name}
    os.utime(leftover, (written, written - files.LEFTOVER_SECONDS - 1))
    remove_leftovers(tmp_path / "a.txt")
    assert not names(tmp_path)


def test_only_temporary_files_are_removed_and_errors_are_ignored(tmp_path, killed):
    path = tmp_path / "a.txt"
    leftover = killed(path).name
    start, machine, process, token = leftover.removesuffix(".txt").rsplit("-", 3)
    (tmp_path / leftover).unlink()
    others = {f"{start}-notes.txt", f"{start}-{machine}-{process}-{token}0.txt", f"{start}-{machine}--{token}.txt",
              f"{start}-{machine}-{'9' * 30}-{token}.txt", f"x{leftover}", start, f"{start}-"}  # fmt: skip
    for name in others:
        (tmp_path / name).write_text("not ours")
    (tmp_path / leftover).mkdir()  # a file that cannot be removed
    remove_leftovers(path)
    remove_leftovers(tmp_path / "missing" / "a.txt")
    with atomic_write(path) as temporary:
        temporary.write_text("it")
    assert names(tmp_path) == {*others, leftover, "a.txt"}


def test_a_cache_does_not_fill_up_with_what_killed_processes_left(tmp_path, killed, monkeypatch):
    monkeypatch.setattr(disk_cache, "_folders", lambda: [tmp_path])
    killed(tmp_path / "loop.o")
    disk_cache.write("loop.o", b"code")
    assert names(tmp_path) == {"loop.o"}
    assert disk_cache.read("loop.o") == b"code"


LONGEST = "星" * 83 + ".png"  # 253 bytes
ACCEPTED = ["a.png", LONGEST, "~", "-x.png", " .png", "a\nb.png", "a:b.png", ".png", "a" * 251 + ".png", "\udcff.png",
            "%s.png", "{}.png", "[0].png", "#ff0000.png", "a,weight=2.png", "$HOME.png", "*.png", "'\".png", "é.png",
            "a." + "b" * 253]  # fmt: skip


@pytest.mark.parametrize("name", ACCEPTED)
def test_every_name_that_the_system_accepts_is_written(tmp_path, name):
    path = tmp_path / name
    assert check_output(path) == path
    with atomic_write(path) as temporary:
        temporary.write_text("it")
    assert path.read_text() == "it"
    assert [each.name for each in tmp_path.iterdir()] == [name]
    for derived in (sibling(path, ".checkpoint"), sibling(path, "-00050", before_suffix=True)):
        assert derived != path
        check_output(derived)
        derived.write_text("another")


REFUSED = ["", ".", "..", "/", "folder", "folder/", "missing/a.png", "file/a.png", "星" * 86, "a" * 300 + "/b.png",
           "a\0b.png", "loop.png", "pipe.png", "link-to-folder", "x/" * 3000 + "a.png", "dangling-far.png",
           "/dev/null"]  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_place_where_no_file_can_be_is_refused_in_a_sentence(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "link-to-folder").symlink_to("folder")
    (tmp_path / "dangling-far.png").symlink_to("missing/a.png")
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(InputError) as caught:
        check_output(name)
    assert str(caught.value).endswith(".")


def test_a_folder_that_was_deleted_is_refused(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(InputError, match="does not exist"):
        check_output("a.png")


def test_a_folder_whose_links_a_file_system_does_not_count_is_written(tmp_path, monkeypatch):
    status = pathlib.Path.stat

    def stat(self, **options):
        fields = list(status(self, **options))
        fields[3] = 0  # st_nlink
        return os.stat_result(fields)

    monkeypatch.setattr(pathlib.Path, "stat", stat)
    check_output(tmp_path / "a.png")


def test_a_folder_that_may_not_be_opened_is_refused_in_a_sentence(tmp_path, monkeypatch):
    def closed(self, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.stat", closed)
    for ask in (check_output, exists):
        with pytest.raises(InputError, match="permission denied; "):
            ask(tmp_path / "a.png")


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "a.png").symlink_to("real/b.png")
    with atomic_write(tmp_path / "a.png") as temporary:
        temporary.write_text("first")
    assert (tmp_path / "real" / "b.png").read_text() == "first"
    with pytest.raises(InputError, match="exists already"):
        check_output(tmp_path / "a.png")
    with atomic_write(tmp_path / "a.png", overwrite=True) as temporary:
        temporary.write_text("second")
    assert (tmp_path / "a.png").is_symlink()
    assert (tmp_path / "real" / "b.png").read_text() == "second"


def test_an_input_is_never_replaced_by_whatever_name(tmp_path):
    source = tmp_path / "photo.jpg"
    source.write_text("precious")
    (tmp_path / "link.jpg").symlink_to("photo.jpg")
    os.link(source, tmp_path / "hard.jpg")
    for name in ("photo.jpg", "link.jpg", "hard.jpg", "../" + tmp_path.name + "/photo.jpg"):
        assert is_same(tmp_path / name, source)
        with pytest.raises(InputError, match=r"cannot be written, since it is read as .*photo\.jpg"):
            check_output(tmp_path / name, overwrite=True, inputs=[tmp_path / "missing", source])
    assert not is_same(tmp_path / "missing", tmp_path / "missing")


@pytest.mark.parametrize("path", [".", "/", ".."])
def test_a_path_without_a_name_has_no_files_beside_it(path):
    from pathlib import Path

    if path == "..":
        assert sibling(Path(path), ".checkpoint").name == "...checkpoint"
    else:
        with pytest.raises(InputError, match="is a folder"):
            sibling(Path(path), ".checkpoint")
