"""Kernels by device: they compute the network's features, the gradient by them, and sums over them.

`cpu` holds the kernels of a CPU. `cuda` computes whole images with few launches, on every other device. `borders` says
how signals are padded. `cotangents` holds the derivatives of losses that a kernel can add in the pass over memory that
it makes anyway. `lbfgs_algebra` is what L-BFGS computes with small matrices and scalars. Kernels know nothing of
losses, plans or files. They may import `impasto.layers`, `planning.tiles` and `settings.choices`.
"""
