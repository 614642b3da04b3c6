"""The command on the tiny network where no loop can be compiled, in a process of its own."""

import sys

sys.modules["numba"] = None
import tiny_command  # noqa: E402, F401 (it runs)
