"""Compile the Triton kernels for a GPU that need not be there: DTYPE GPU [KERNEL…], such as bfloat16 sm_90.

The kernels, or those with the given names, are what `warm_up` loads and what evaluations and steps of L-BFGS launch
after it. None is run. The result, in JSON, lists the kernels, with the bytes of shared memory of a program, the
registers and spilled bytes of a thread, and whether the kernel came after the warm-up; and what could not be compiled.
"""

import json
import re
import subprocess
import sys
import tempfile
from functools import partialmethod
from pathlib import Path

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from impasto.kernels.cuda import dispatch, triton_product
from impasto.network.vgg import VGG19
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.optimizers import LBFGS
from impasto.settings import Settings
from impasto.transfer.iteration import Point, iteration
from tiny import tiny_weights

SIZES = ((32, 48), (33, 47))
DISASSEMBLER = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"


class Driver:
    """The driver of a GPU that need not be there."""

    def __init__(self, name):
        if name.startswith("sm_"):
            self.target = GPUTarget("cuda", int(name.removeprefix("sm_")), 32)
        else:
            self.target = GPUTarget("hip", name, 64 if name.startswith("gfx9") else 32)

    def get_current_device(self):
        return 0

    def get_current_stream(self, _):
        return 0

    def get_current_target(self):
        return self.target


class Compiler:
    """Compiles where a kernel would be launched."""

    def __init__(self, names):
        self.names, self.kernels, self.errors, self.is_warm = names, {}, [], False
        self._run = JITFunction.run

    def __call__(self, function, *arguments, **options):
        name = function.fn.__name__
        if self.names and name not in self.names:
            return
        try:
            kernel = self._run(function, *arguments, **{**options, "warmup": True})
        except Exception as error:
            self.errors.append(f"{name}: {error}")
        else:
            self.kernels.setdefault(kernel.hash, {"name": name, "late": self.is_warm, **resources(kernel)})


def resources(kernel):
    """Return what a program or thread takes, as the assembler says it."""
    if "amdgcn" in kernel.asm:
        text, names = kernel.asm["amdgcn"], (r"\.vgpr_count:", r"\.private_segment_fixed_size:")
    else:
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(kernel.asm["cubin"])
            file.flush()
            command = [DISASSEMBLER, "--dump-resource-usage", file.name]
            text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        names = ("REG:", "STACK:")
    registers, spilled = (int(re.search(rf"{name}\s*(\d+)", text)[1]) for name in names)
    return {"shared": kernel.metadata.shared, "registers": registers, "spilled": spilled}


def iterate(network, height, width):
    """Go through evaluations and steps as a run does; the numbers mean nothing, since no kernel computes."""
    content, style = torch.rand(3, height, width), torch.rand(3, height, width)
    objective = Objective.build(Settings(), network, content, [Region([StyleImage(style)])])
    optimizer = LBFGS(history_dtype=network.weights.tensors["conv1_1"][0].dtype)
    step = iteration(objective, optimizer, torch.device("cpu")).iterate
    point = Point(content, optimizer.init(content), content, torch.tensor(float("inf")))
    for _ in range(2):
        point = step(point, lambda: None).point


def compile_for(name, dtype, kernels):
    """Compile kernels for a GPU and a precision; return what was compiled, and what could not be."""
    dispatch.is_fused = dispatch.uses_triton = lambda _: True
    triton_product._IS_AMD = triton.language.constexpr(name.startswith("gfx"))
    driver.set_active(Driver(name))
    compiler = Compiler(kernels)
    JITFunction.run = partialmethod(compiler)
    settings = Settings()
    network = VGG19(tiny_weights(divisor=1), settings.pooling, padding=settings.padding).to(torch.device("cpu"), dtype)
    torch.set_default_dtype(torch.float64)  # a program's own, which changes no kernel
    network.prepare(settings.active_layers)
    torch.set_default_dtype(torch.float32)
    compiler.is_warm = True
    for size in SIZES:
        iterate(network, *size)
    return {"kernels": list(compiler.kernels.values()), "errors": compiler.errors}


if __name__ == "__main__":
    dtype, name, *kernels = sys.argv[1:]
    json.dump(compile_for(name, getattr(torch, dtype), kernels), sys.stdout)
