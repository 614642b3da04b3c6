"""Machine code of the loops: compiled by numba once, cached on disk, and run on torch's own threads.

numba takes half a second to import, and seconds to compile a loop. So the compiled code is cached by processor,
versions and source, and loaded by LLVM alone. The threads are GNU OpenMP's. They spin between torch's operations and
would compete with other threads for the CPU. If torch was built with another OpenMP library, this module cannot be
imported.
"""

import ctypes
import hashlib
import importlib
import re
import sys
import threading
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import torch

from impasto import disk_cache

__all__ = ["LIBRARIES", "address", "run_threads"]

LIBRARIES = Path(torch.__file__).parent / "lib"
"""The folder of torch's shared libraries."""

_SOURCES = "impasto.kernels.cpu.compiled.sources"
_SYMBOL = "impasto_loop"
"""The name of the function in the machine code of each loop."""

_NUMBA_HELPERS = re.compile(r"^declare (.*@(?:NRT|numba)_\w+\([^)]*\)).*$", re.MULTILINE)
"""Declarations of numba's functions in LLVM's language. They free memory and raise exceptions, which no loop does."""

_run_parallel_region = ctypes.CDLL(str(next(LIBRARIES.glob("libgomp*")))).GOMP_parallel
_run_parallel_region.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
_run_parallel_region.restype = None

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

_engines: list[Any] = []
"""The owners of the code that was loaded, which is released with them."""
_lock = threading.Lock()


def run_threads(loop: str, *arguments: int) -> None:
    """Run a loop on each of torch's threads, and wait until all have returned.

    Args:
        loop: The name of a module and a function in `sources`, such as `pooling.shorts`.
        arguments: Sizes, and the addresses of arrays, which must stay alive.

    """
    job = np.array((0, 0, *arguments), np.int64)
    _run_parallel_region(address(loop), job.ctypes.data, torch.get_num_threads(), 0)


def address(loop: str) -> int:
    """Return the address of a loop's machine code, which is compiled if it is not cached."""
    with _lock:
        return _address(loop)


@cache
def _address(loop: str) -> int:
    name = f"loops/{_key()}/{loop}.o"
    code = disk_cache.read(name)
    if code is None:
        code = _compile(loop)
        disk_cache.write(name, code)
    engine: Any = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return engine.get_function_address(_SYMBOL)


def _compile(loop: str) -> bytes:
    """Return the machine code of a loop, which calls nothing but what the interpreter and the C library have."""
    module, function = loop.split(".")
    compiled = getattr(importlib.import_module(f"{_SOURCES}.{module}"), function)
    assembly = compiled.inspect_llvm().replace(compiled.native_name, _SYMBOL)
    closed = _NUMBA_HELPERS.sub(r"define internal \1 { unreachable }", assembly)
    return _target_machine().emit_object(llvm.parse_assembly(closed))


@cache
def _key() -> str:
    """Return a name for all on which the machine code depends: versions, processor and source."""
    features = llvm.get_host_cpu_features().flatten()
    values = [version("numba"), version("llvmlite"), sys.version, llvm.get_host_cpu_name(), features]
    folder = Path(__file__).parent
    sources = [path.read_bytes() for path in sorted([*folder.glob("*.py"), *folder.glob("sources/*.py")])]
    return hashlib.sha256(b"\0".join([*(value.encode() for value in values), *sources])).hexdigest()[:16]


def _target_machine() -> Any:
    """Return LLVM's description of this machine, for code that is run where it was made."""
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return llvm.Target.from_default_triple().create_target_machine(cpu=cpu, features=features, opt=3, jit=True)
