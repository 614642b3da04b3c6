"""The problem: the value and gradient of an image, what it aims at, and images whose edges meet.

It knows nothing of optimizers, stages or files. It may import `losses`, `network`, `machine`, `images` and `planning`.
"""
