import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import impasto
from impasto import errors


def test_every_public_name_is_there():
    assert len(impasto.__all__) > 40
    for name in impasto.__all__:
        assert getattr(impasto, name).__name__ == name


def test_importing_loads_no_torch_and_prints_nothing():
    script = "import sys, impasto; sys.exit('torch' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


def test_the_module_is_the_command():
    process = subprocess.run([sys.executable, "-m", "impasto", "--version"], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == version("impasto")


def test_every_exception_is_in_the_tree_of_the_docstring_and_can_be_imported_from_the_package():
    names = {name for name, each in vars(errors).items() if inspect.isclass(each) and issubclass(each, Exception)}
    tree = [line for line in errors.__doc__.splitlines() if "Error" in line and line.lstrip("│ ")[0] in "├└I"]
    assert {line.lstrip("│├└─ ").split()[0] for line in tree} == names
    assert names <= set(errors.__all__)
    assert names <= set(impasto.__all__)
    assert all(issubclass(getattr(impasto, name), impasto.ImpastoError) for name in names)


def test_the_version_and_the_marker_of_types_are_there():
    assert impasto.__version__ == version("impasto")
    assert (Path(impasto.__file__).parent / "py.typed").exists()
