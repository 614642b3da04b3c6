"""What somebody does who has read nothing but the first lines of the README."""

import hashlib
import json
import shutil

import pytest
import torch

from common import note
from impasto import Picture
from impasto.cli import viewer
from impasto.jobs.job import IN_MEMORY
from impasto.jobs.outputs import free_name

QUICK = ("--size", "64", "--first-size", "0", "--iterations", "2", "--dtype", "float32", "--winograd", "off")


def test_two_files_are_a_picture_with_a_name_of_its_own_each_time(command, files, tiny_network):
    for name in ("content-style.png", "content-style-2.png", "content-style-3.png"):
        code, out, _ = command(files / "content.png", files / "style.jpg", *QUICK)
        assert code == 0
        assert str(files / name) in out
        assert (files / name).exists()


def test_a_name_is_free_where_a_run_that_ended_early_left_its_picture(tmp_path):
    assert free_name(tmp_path / "a.jpg", "b/c.tif", "d.png") == tmp_path / "a-c-d.png"
    (tmp_path / "a-c.png").touch()
    assert free_name(tmp_path / "a.jpg", "c.tif") == tmp_path / "a-c-2.png"
    (tmp_path / "a-c.png.checkpoint").touch()
    assert free_name(tmp_path / "a.jpg", "c.tif") == tmp_path / "a-c.png"
    long = free_name(tmp_path / f"{'星' * 80}.jpg", f"{'b' * 200}.jpg")
    assert len(long.name.encode()) <= 255
    assert long.suffix == ".png"


def test_one_file_alone_is_told_what_is_missing(command, files):
    code, out, err = command(files / "content.png")
    assert (code, out) == (2, "")
    assert err == f"impasto: there is no painting; name one: impasto {files / 'content.png'} painting.jpg.\n"


def test_a_mistyped_command_is_told_that_there_is_no_such_file(command, files):
    code, out, err = command("pain", files / "content.png", files / "style.jpg", *QUICK)
    assert (code, out) == (2, "")
    assert "pain" in err
    assert err.count("\n") == 1


def test_every_command_that_paints_names_its_own_output(command, files, tiny_network):
    quick = QUICK[:2] + QUICK[4:]
    assert command("texture", files / "style.jpg", *quick)[0] == 0
    assert (files / "style-texture.png").exists()
    assert command("reconstruct", files / "content.png", *quick)[0] == 0
    assert (files / "content-reconstruction.png").exists()
    assert command("sweep", files / "content.png", files / "style.jpg", *QUICK, "--content-weight", "1,5")[0] == 0
    assert (files / "content-sweep.png").exists()


@pytest.fixture
def left(command, files, tiny_network, monkeypatch):
    """Leave the checkpoint of a run, and return the words of its command."""
    words = (files / "content.png", files / "style.jpg", "-o", files / "out.png", *QUICK)
    with monkeypatch.context() as patch:
        patch.setattr("impasto.jobs.saving.Saving.save_picture", lambda _: [])
        patch.setattr("impasto.transfer.run.Run.delete_checkpoint", lambda run: run.save_checkpoint())
        assert command(*words)[0] == 0
    assert (files / "out.png.checkpoint").exists()
    return words


def test_a_second_try_with_another_weight_starts_a_new_run(command, files, left):
    words = left
    code, out, err = command(*words, "--content-weight", "1")
    assert code == 0
    assert "is the checkpoint of another run: the option content_weight was 5.0 and is 1.0; " in err
    assert "; this is a new run, and that checkpoint is now" in err
    assert "Continuing" not in out
    assert (files / "out.png").exists()
    assert not (files / "out.png.checkpoint").exists()
    aside, finished = files / "out.png.checkpoint.old", (files / "out.png").read_bytes()
    code, _, err = command(*words, "--checkpoint", aside)
    assert code == 2
    assert "out.png exists already" in err
    assert (files / "out.png").read_bytes() == finished
    assert aside.exists()
    code, out, _ = command(*words, "-o", files / "earlier.png", "--checkpoint", aside)
    assert code == 0
    assert "Continuing after 2 evaluations" in out


def test_a_run_that_was_killed_between_its_picture_and_the_end_of_its_checkpoint_continues(
    command, files, tiny_network, monkeypatch
):
    words = (files / "content.png", files / "style.jpg", "-o", files / "out.png", *QUICK)
    with monkeypatch.context() as patch:
        patch.setattr("impasto.transfer.run.Run.delete_checkpoint", lambda run: run.save_checkpoint())
        assert command(*words)[0] == 0
    before = (files / "out.png").read_bytes()
    assert command(*words, "--seed", "5")[0] == 2
    assert (files / "out.png").read_bytes() == before
    code, out, _ = command(*words)
    assert code == 0
    assert out.startswith("Continuing after 2 evaluations")
    assert (files / "out.png").read_bytes() == before


def test_a_damaged_checkpoint_is_set_aside_and_a_file_that_is_none_is_refused(command, files, left):
    words, checkpoint = left, files / "out.png.checkpoint"
    damaged = bytearray(checkpoint.read_bytes())
    damaged[-1] ^= 1
    checkpoint.write_bytes(damaged)
    code, _, err = command(*words)
    assert code == 0
    assert (
        f"out.png.checkpoint is damaged: it is not as it was written; this is a new run, and that checkpoint is now {checkpoint}.old.\n"
        in err
    )
    assert (files / "out.png.checkpoint.old").read_bytes() == damaged
    (files / "out.png").unlink()
    (files / "out.png.checkpoint").write_bytes(b"precious, and not ours")
    code, _, err = command(*words)
    assert code == 2
    assert "is not a checkpoint of impasto" in err
    assert (files / "out.png.checkpoint").read_bytes() == b"precious, and not ours"


def test_a_picture_is_painted_again_from_its_own_metadata(command, files, tiny_network, picture):
    weights = picture(64, 48, seed=5)
    Picture((weights.pixels > 0.5).float()).save(files / "mask.png")
    style = f"{files / 'style.jpg'},weight=2,region={files / 'mask.png'}"
    words = ("--keep", files / "mask.png", "--content-weight", "3", "--seed", "4", "--init", "noise", *QUICK)
    assert command(files / "content.png", style, files / "content.png", "-o", files / "out.png", *words)[0] == 0
    job = json.loads(Picture.open(files / "out.png").note)["job"]
    assert job["styles"][0] == {"picture": str(files / "style.jpg"), "weight": 2.0, "region": str(files / "mask.png")}
    code, out, err = command("repaint", files / "out.png", "--dtype", "float32", "--winograd", "off")
    assert code == 0, err
    assert str(files / "out-again.png") in out
    assert (files / "out-again.png").read_bytes() == (files / "out.png").read_bytes()
    code, _, err = command("repaint", files / "out.png", "--size", "80", "-o", files / "large.png")
    assert code == 0, err
    assert Picture.open(files / "large.png").width == 80


def test_a_picture_whose_files_are_gone_is_not_painted_again(command, files, tiny_network, monkeypatch):
    monkeypatch.chdir(files)
    Picture(torch.ones(3, 48, 64)).save("mask.png")
    assert command("content.png", "style.jpg,region=mask.png#ffffff", "-o", "out.png", *QUICK)[0] == 0
    (files / "mask.png").rename("moved.png")
    code, _, err = command("repaint", "out.png")
    assert code == 2
    assert "out.png was painted from mask.png, which is not there; put it there again, go to the folder in which" in err
    assert "or name other files: impasto PHOTO PAINTING --settings out.png.\n" in err


def test_a_picture_is_not_painted_again_from_another_file_of_the_same_name(
    command, files, tiny_network, monkeypatch, picture
):
    monkeypatch.chdir(files)
    assert command("content.png", "style.jpg", "-o", "out.png", *QUICK)[0] == 0
    hashes = note(files / "out.png")["files"]
    assert hashes == {
        name: hashlib.sha256((files / name).read_bytes()).hexdigest()[:16] for name in ("content.png", "style.jpg")
    }
    (files / "sub").mkdir()
    picture(64, 48, seed=9).save("sub/content.png")
    shutil.copy("style.jpg", "sub/style.jpg")
    monkeypatch.chdir(files / "sub")
    code, _, err = command("repaint", "../out.png", *QUICK[4:])
    assert code == 2
    assert err == (
        "impasto: ../out.png was painted from another file content.png than the one that is here; go to the folder in "
        "which it was painted, or name the files: impasto PHOTO PAINTING --settings ../out.png.\n"
    )
    shutil.copy("../content.png", "content.png")
    assert command("repaint", "../out.png", *QUICK[4:])[0] == 0, "the bytes count, not the folder"
    assert Picture.open("../out-again.png").samples.equal(Picture.open("../out.png").samples)
    assert note("../out-again.png")["files"] == hashes


def test_a_picture_without_hashes_of_its_files_is_painted_again(command, files, tiny_network, monkeypatch):
    monkeypatch.chdir(files)
    job = {"content": "content.png", "styles": [{"picture": "style.jpg"}]}
    for number, more in enumerate([{}, {"files": None}, {"files": [1]}, {"files": {"content.png": None}}]):
        note = json.dumps({"impasto": "0.1.0", "settings": {}, "job": job, **more})
        Picture(Picture.open("content.png").pixels, note=note).save(f"old{number}.png")
        code, _, err = command("repaint", f"old{number}.png", *QUICK)
        assert code == (2 if more.get("files") == {"content.png": None} else 0), err


@pytest.mark.parametrize("name", ["sky#1.png", "sky#ff0000", "a #1 folder/sky.png", "a #1 folder/sky.png#ffffff"])
def test_the_path_of_a_mask_may_have_a_number_sign(command, files, tiny_network, monkeypatch, name):
    monkeypatch.chdir(files)
    (files / "a #1 folder").mkdir()
    file = files / name.removesuffix("#ffffff")
    Picture(torch.ones(3, 48, 64)).save("mask.png")
    (files / "mask.png").rename(file)
    code, _, err = command("content.png", f"style.jpg,region={name}", "-o", "out.png", *QUICK)
    assert code == 0, err
    assert command("repaint", "out.png")[0] == 0
    code, _, err = command("content.png", f"style.jpg,region={name}", "-o", file, "--overwrite", *QUICK)
    assert code == 2
    assert "since it is read as" in err


def test_a_picture_of_pictures_in_memory_is_not_painted_again(command, files):
    note = json.dumps({"impasto": "0.2.0", "settings": {}, "job": {"content": str(IN_MEMORY)}})
    Picture(Picture.open(files / "content.png").pixels, note=note).save(files / "old.png")
    code, _, err = command("repaint", files / "old.png")
    assert code == 2
    assert "was painted from a picture in memory, which is in no file; name other files: impasto PHOTO" in err


def test_a_picture_that_does_not_say_its_files_is_not_painted_again(command, files):
    Picture.open(files / "content.png").save(files / "plain.png")
    code, _, err = command("repaint", files / "plain.png")
    assert code == 2
    assert "holds no settings of impasto" in err
    note = json.dumps({"impasto": "0.2.0", "settings": {}})
    Picture(Picture.open(files / "content.png").pixels, note=note).save(files / "old.png")
    code, _, err = command("repaint", files / "old.png")
    assert code == 2
    assert "does not say what it was painted from" in err


@pytest.mark.parametrize(("words", "margins"), [((), True), (("--fill",), False), (("--fit",), True)])
def test_a_print_says_its_size_its_margins_and_how_much_it_enlarges(command, files, tiny_network, words, margins):
    code, out, _ = command(
        files / "content.png", files / "style.jpg", "--print", "4x4cm", "--dpi", "50", *QUICK[2:], *words
    )
    assert code == 0
    painted = Picture.open(files / "content-style.png")
    assert (painted.width, painted.height) == ((79, 59) if margins else (79, 79))
    assert ("with margins of 0 cm left and right and 0.5 cm above and below (--fill crops instead)" in out) == margins
    size = (
        "4 × 3 cm at 50 pixels per inch, 79 × 59 pixels" if margins else "4 × 4 cm at 50 pixels per inch, 79 × 79 pix"
    )
    assert size in out
    assert "pixels are enlarged" in out


def test_fill_without_paper_is_refused(command, files):
    code, _, err = command(files / "content.png", files / "style.jpg", "--fill")
    assert code == 2
    assert "name the paper too, such as --print 30x40cm" in err


def test_a_preview_shows_the_finished_picture_at_the_end(command, files, tiny_network):
    words = (files / "content.png", files / "style.jpg", "--preview", files / "now.jpg", *QUICK)
    assert command(*words)[0] == 0
    assert command(*words)[0] == 0  # an earlier preview is replaced
    preview, painted = Picture.open(files / "now.jpg"), Picture.open(files / "content-style-2.png")
    assert (preview.pixels - painted.pixels).abs().mean() < 0.03
    (files / "mine.jpg").write_bytes((files / "style.jpg").read_bytes())
    code, _, err = command(*words[:2], "--preview", files / "mine.jpg", *QUICK)
    assert code == 2
    assert "mine.jpg exists already" in err


def test_a_preview_that_cannot_be_written_does_not_end_the_run(command, files, tiny_network, monkeypatch):
    monkeypatch.setattr("impasto.jobs.saving.PREVIEW_SECONDS", 0.0)
    save = Picture.save

    def full(self, path, **options):
        if "now" in str(path):
            from impasto.errors import WriteError

            raise WriteError("the disk is full.")
        save(self, path, **options)

    monkeypatch.setattr(Picture, "save", full)
    code, _, err = command(files / "content.png", files / "style.jpg", "--preview", files / "now.jpg", *QUICK)
    assert code == 0
    assert err.count("there are no more previews: the disk is full.") == 1
    assert (files / "content-style.png").exists()


def test_the_finished_picture_is_opened_in_the_viewer_of_the_system(command, files, tiny_network, monkeypatch):
    started = []
    monkeypatch.setattr("impasto.cli.viewer.shutil.which", lambda name: f"/bin/{name}")
    monkeypatch.setattr("impasto.cli.viewer.subprocess.Popen", lambda words, **_: started.append(words))
    assert command(files / "content.png", files / "style.jpg", "--open", *QUICK)[0] == 0
    assert started == [["/bin/xdg-open", files / "content-style.png"]]


def test_without_a_viewer_the_picture_is_painted_and_a_sentence_says_so(command, files, tiny_network, monkeypatch):
    monkeypatch.setattr("impasto.cli.viewer.shutil.which", lambda _: None)
    code, _, err = command(files / "content.png", files / "style.jpg", "--open", *QUICK)
    assert code == 0
    assert f"there is no viewer (xdg-open) to show {files / 'content-style.png'}." in err


def test_a_picture_that_windows_has_no_program_for_is_painted_and_a_sentence_says_so(tmp_path, monkeypatch, capsys):
    def startfile(path):
        raise OSError(22, "No application is associated with the specified file for this operation")

    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr("os.startfile", startfile, raising=False)
    viewer.show(tmp_path / "a.png")
    assert "a.png could not be shown: no application is associated with" in capsys.readouterr().err


def test_two_photographs_of_one_camera_look_like_a_mistake(command, files, tiny_network, picture):
    for name, seed in (("one.jpg", 1), ("two.jpg", 2)):
        Picture(picture(seed=seed).pixels, exif={"ifd0-Make": "Acme", "ifd0-Model": "Box 7"}).save(files / name)
    code, out, err = command(files / "one.jpg", files / "two.jpg", files / "style.jpg", *QUICK)
    assert code == 0
    assert "Painting one.jpg in the style of two.jpg and style.jpg, 64 × 48 pixels." in out
    assert err.count("style 1 was taken with the camera of the content (Box 7)") == 1
    assert "style 2 was taken" not in err


def test_a_machine_is_warmed(command, tiny_network):
    code, out, _ = command("warm")
    assert code == 0
    assert out.startswith("Ready after ")


@pytest.mark.parametrize(
    "words", ["content.png style.jpg -o -", "content.png -", "demo --painting -", "texture - -o a.png"]
)
def test_a_hyphen_in_place_of_a_file_is_refused_in_a_sentence(command, words):
    code, out, err = command(*words.split())
    assert (code, out) == (2, "")
    assert err.startswith(
        "impasto: - is not a file: no picture is read from standard input or written to standard output,"
    )
    assert err.endswith("; name a file, such as picture.png.\n")
