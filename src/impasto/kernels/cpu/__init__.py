"""Convolutions, poolings and ReLUs on a CPU, by oneDNN, by loops that numba compiles, and by Winograd's algorithm.

`row_bands` computes large signals one band of rows at a time. This package may import `planning.tiles`,
`settings.choices` and `kernels.borders`.
"""
