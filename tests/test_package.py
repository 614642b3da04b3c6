import subprocess
import sys

import impasto


def test_every_public_name_is_there_and_sorted():
    assert impasto.__all__ == sorted(impasto.__all__, key=lambda name: (not name.isupper() and name != "VGG19", name))
    for name in impasto.__all__:
        assert getattr(impasto, name).__name__ == name


def test_importing_loads_no_torch_and_prints_nothing():
    script = "import sys, impasto; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "impasto", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.1.0"
