"""What computes: the device, its precision and algorithms by timing, memory allocators, and other processes.

Nothing else changes the state of the whole process. It may import `kernels`, `planning`, `settings` and `errors`.
"""
