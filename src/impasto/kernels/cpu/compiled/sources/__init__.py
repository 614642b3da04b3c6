"""The loops in the part of Python that numba compiles. `machine_code` imports a module only to compile a loop of it.

The functions that threads run have an argument, the address of their job: see `jobs`.
"""
