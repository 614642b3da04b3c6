import pytest

from impasto import Picture, Settings
from impasto.errors import InputError
from impasto.jobs.fingerprint import file_hashes, fingerprint, replaced_file
from impasto.jobs.job import Job, StyleSource


@pytest.fixture
def job(files):
    return Job(
        content=files / "content.png",
        styles=(StyleSource(picture=files / "style.jpg", mask=f"{files / 'style.jpg'}#ff0000"),),
    )


def test_a_fingerprint_depends_on_options_and_bytes_and_not_on_names_outputs_and_machines(job, files):
    (files / "moved.png").write_bytes((files / "content.png").read_bytes())
    same = job.replace(content=files / "moved.png", output="out.png", overwrite=True, runtime={"threads": 3})
    assert fingerprint(same) == fingerprint(job)
    others = [
        job.replace(settings=Settings(seed=2)),
        job.replace(content=files / "style.jpg"),
        job.replace(keep=str(files / "content.png")),
        job.replace(styles=(job.styles[0].replace(mask=None),)),
        job.replace(styles=(job.styles[0].replace(mask=f"{files / 'style.jpg'}#00ff00"),)),
        job.replace(styles=(job.styles[0].replace(weight=2),)),
        job.changed(5, job.replace(settings=Settings(size=256))),
        job.replace(shape="2:1"),
        job.replace(runtime={"seconds": 30}),
    ]
    assert len({fingerprint(job), *map(fingerprint, others)}) == len(others) + 1


def test_changed_bytes_change_it(job, files, picture):
    original = fingerprint(job)
    picture(seed=7).save(files / "content.png", overwrite=True)
    assert fingerprint(job) != original


def test_a_picture_in_memory_has_none_and_a_missing_file_is_refused(job, files):
    assert fingerprint(job.replace(content=Picture.open(files / "content.png"))) is None
    with pytest.raises(InputError, match="none.png cannot be read: no such file"):
        fingerprint(job.replace(keep=str(files / "none.png")))


def test_the_bytes_of_a_file_of_weights_count(job, files):
    (files / "mine.pth").write_bytes(b"one")
    job_of_weights = job.replace(settings=Settings(weights=str(files / "mine.pth")))
    original = fingerprint(job_of_weights)
    (files / "mine.pth").write_bytes(b"other")
    assert fingerprint(job_of_weights) != original


def test_another_file_of_weights_is_noticed_also_in_a_change(job, files):
    ours = Settings(weights=str(files / "mine.pth"))
    for job_of_weights in (job.replace(settings=ours), job.changed(5, job.replace(settings=ours))):
        (files / "mine.pth").write_bytes(b"one")
        copied = job_of_weights.with_files({str(files / "mine.pth"): str(files / "copy.pth")})
        (files / "copy.pth").write_bytes(b"one")
        hashes, original = file_hashes(job_of_weights), fingerprint(job_of_weights)
        assert file_hashes(copied, job_of_weights) == hashes
        assert replaced_file(job_of_weights, hashes) is None
        (files / "mine.pth").write_bytes(b"other")
        assert replaced_file(job_of_weights, hashes) == files / "mine.pth"
        assert fingerprint(job_of_weights) != original


def test_the_hashes_of_files_have_the_paths_of_the_job_that_the_metadata_name(job, files, picture):
    changed = job.changed(5, job.replace(content=files / "style.jpg", keep=str(files / "content.png")))
    copies = {}
    for path in changed.all_inputs:
        copies[str(path)] = str(path.with_name(f"copy-{path.name}"))
        path.with_name(f"copy-{path.name}").write_bytes(path.read_bytes())
    assert file_hashes(changed.with_files(copies), changed) == file_hashes(changed)
    assert set(file_hashes(changed)) == {str(files / "content.png"), str(files / "style.jpg")}
    assert file_hashes(job.replace(content=picture())) == {}
    hashes = file_hashes(changed)
    assert replaced_file(changed, hashes) is None
    picture(seed=5).save(files / "content.png", overwrite=True)
    assert replaced_file(changed, hashes) == files / "content.png"
    assert replaced_file(job, {}) is replaced_file(job, None) is None
    (files / "content.png").unlink()
    assert replaced_file(changed, hashes) is None, "a file that is not there is not another one"
