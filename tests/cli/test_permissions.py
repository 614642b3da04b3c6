"""The command where folders of the user or of the package cannot be written, and as a user who has no name."""

import os
import shutil
import sys
from pathlib import Path

import pytest

import impasto
from forked import ForkServer
from impasto import Picture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="permissions are tested as Linux has them"),
]

TESTS, SOURCE = Path(__file__).parents[1], Path(impasto.__file__).parent
WORDS = (
    "content.png style.jpg -o out.png --plot losses.svg --size 64 --first-size 0 --iterations 2 --quiet "
    "--dtype float32 --threads 1"  # but a timing, which is cached on disk, decides on Winograd's algorithm
)
MODULES = ("torch", "cyclopts", "pydantic", "psutil", "llvmlite.binding")
"""What takes long to import, and looks for no folder of the user."""

NOBODY = 54_321
"""The number of a user whom the system does not know, as in a container."""

IS_ROOT = os.geteuid() == 0
READS_ALL = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
"""Let another user read Python and the tests wherever they are; nothing more can be written."""


def as_user(number):
    """Return the start of a command that is bound by permissions: as another user, or as this one, even if it is root."""
    if number is not None:
        return ["setpriv", "--reuid", str(number), "--regid", str(number), "--clear-groups", *READS_ALL]
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if IS_ROOT else []


@pytest.fixture(scope="module")
def servers():
    """Return a process of a user, from which commands are forked."""
    if IS_ROOT and not shutil.which("setpriv"):
        pytest.skip("permissions do not bind root, and there is no setpriv to change that")
    started = {}

    def server(user):
        if user not in started:
            started[user] = ForkServer(*MODULES, prefix=as_user(user), environment={"PATH": os.environ["PATH"]})
        return started[user]

    yield server
    for each in started.values():
        each.close()


def everything_in(*folders):
    """Return the files and folders in some folders, with the times of their changes."""
    return {path: path.lstat().st_mtime_ns for folder in folders for path in (folder, *folder.rglob("*"))}


@pytest.fixture
def place(files):
    """Folders beside that of the pictures: `home` and `cache`, which cannot be written, and `temporary`."""
    folders = {name: files / name for name in ("home", "cache", "temporary", "work")}
    for folder in folders.values():
        folder.mkdir()
    for name in ("content.png", "style.jpg"):
        (files / name).rename(folders["work"] / name)
    folders["home"].chmod(0o500)
    folders["cache"].chmod(0o500)
    yield folders
    for folder in folders.values():
        folder.chmod(0o700)


@pytest.fixture
def paint(place, servers):
    """Run a command in the folder of the pictures, and compare what is in the other folders before and after."""

    def run(command, *words, user=None, **environment):
        own = {"PATH": os.environ["PATH"], "TMPDIR": str(place["temporary"]), "PYTHONPATH": f"{SOURCE.parent}:{TESTS}"}
        own |= {"PYTHONDONTWRITEBYTECODE": "1", **{name: str(value) for name, value in environment.items()}}
        others = [place[name] for name in ("home", "cache", "temporary")]
        before = everything_in(*others)
        process = servers(user).start(*command, "paint", *WORDS.split(), *words, folder=place["work"], environment=own)
        out, err = process.communicate(timeout=300)
        assert everything_in(*others).keys() == before.keys()
        return process.returncode, out, err

    return run


def assert_painted(place, done):
    assert done == (0, "", "")
    assert sorted(path.name for path in place["work"].iterdir()) == [
        "content.png",
        "losses.svg",
        "out.png",
        "style.jpg",
    ]
    assert Picture.open(place["work"] / "out.png").width == 64


TINY = (TESTS / "tiny_command.py",)
WITHOUT_NUMBA = (TESTS / "tiny_command_without_numba.py",)
"""Run the command where compiled loops that are not cached cannot be compiled, which takes seconds."""


def test_a_picture_is_painted_where_neither_the_home_folder_nor_the_package_can_be_written(place, paint, tmp_path):
    package = shutil.copytree(SOURCE, tmp_path / "package" / "impasto", ignore=shutil.ignore_patterns("__pycache__"))
    for path in everything_in(package):
        path.chmod(path.stat().st_mode & ~0o222)
    before = everything_in(package)
    done = paint(WITHOUT_NUMBA, HOME=place["home"], PYTHONPATH=f"{package.parent}:{TESTS}")
    assert everything_in(package) == before
    for path in before:
        path.chmod(path.stat().st_mode | 0o200)
    assert_painted(place, done)


def test_a_picture_is_painted_where_no_cache_folder_can_be_written(place, paint):
    caches = dict.fromkeys(("MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), place["cache"])
    assert_painted(place, paint(TINY, HOME=place["home"], **caches))


@pytest.mark.skipif(not IS_ROOT, reason="only root starts programs as another user")
@pytest.mark.parametrize("home", ["of root", "missing", ""])
def test_a_picture_is_painted_for_a_user_without_a_name(place, paint, home):
    """The home folder is root's, or not there, or none is named."""
    os.chown(place["work"], NOBODY, NOBODY)
    os.chown(place["temporary"], NOBODY, NOBODY)
    homes = {"of root": {"HOME": place["home"]}, "missing": {"HOME": "/nonexistent"}, "": {}}
    assert_painted(place, paint(TINY, user=NOBODY, **homes[home]))
    assert (place["work"] / "out.png").stat().st_uid == NOBODY


@pytest.mark.skipif(not IS_ROOT, reason="only root gives a folder to another user")
def test_a_picture_is_painted_where_the_home_folder_may_not_be_opened(place, paint):
    place["home"].chmod(0o700)
    os.chown(place["home"], NOBODY, NOBODY)
    assert_painted(place, paint(TINY, HOME=place["home"]))


@pytest.mark.parametrize("closed", [0o500, 0o000])
def test_weights_that_cannot_be_stored_are_refused_in_a_sentence(place, paint, closed):
    place["cache"].chmod(closed)
    code, out, err = paint(
        ("-m", "impasto"),
        "--weights",
        "torchvision",
        "--winograd",
        "off",
        HOME=place["home"],
        XDG_CACHE_HOME=place["cache"],
    )
    assert (code, out) == (1, "")
    assert f"cannot be stored in {place['cache'] / 'impasto'}: permission denied; set XDG_CACHE_HOME" in err
    assert err.count("\n") == 1
    assert not (place["work"] / "out.png").exists()
