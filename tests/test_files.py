import pytest

from impasto.errors import InputError, WriteError
from impasto.files import check_target, whole


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    with whole(tmp_path / "a.txt") as temporary:
        temporary.write_text("all of it")
        assert not (tmp_path / "a.txt").exists()
        assert temporary.suffix == ".txt"
    assert (tmp_path / "a.txt").read_text() == "all of it"
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "b.txt") as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_is_replaced_only_when_allowed_and_kept_when_the_new_one_fails(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(InputError, match="exists already"), whole(path):
        pass
    with pytest.raises(WriteError, match="no space left"), whole(path, overwrite=True) as temporary:
        temporary.write_text("ne")
        raise OSError(28, "No space left on device")
    assert path.read_text() == "old"
    with whole(path, overwrite=True) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_appeared_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(InputError, match="exists already"), whole(path) as temporary:
        temporary.write_text("ours")
        path.write_text("theirs")
    assert path.read_text() == "theirs"


@pytest.mark.parametrize("name", ["folder", "missing/a.txt"])
def test_a_place_where_no_file_can_be_is_refused_in_a_sentence(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError) as caught:
        check_target(tmp_path / name)
    assert str(caught.value).endswith(".")
    assert name.split("/")[0] in str(caught.value)
