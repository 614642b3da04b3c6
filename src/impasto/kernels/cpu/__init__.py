"""Convolutions, poolings and ReLUs on a processor: oneDNN, loops that numba compiles, and Winograd's algorithm.

Large signals are passed a band of rows at a time. It may import `planning.tiles`, `layers` and `kernels`' own modules.
"""
