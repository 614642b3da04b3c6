"""Kernels by device: what computes the network's features, their gradient and the sums over them.

`cotangents` says what derivatives a kernel can add while it does something else. `cuda` computes whole images with few
launches, on every device but a processor. What is here knows nothing of losses, plans or files. It may import
`impasto.layers`, `impasto.planning.tiles` and the kernels of a processor.
"""
