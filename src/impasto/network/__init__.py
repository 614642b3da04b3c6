"""VGG-19, forward and back, and its weights: where they come from, the files that hold them, and their download.

It knows nothing of losses. It may import `kernels`, `planning.tiles`, `layers`, `disk_cache`, `files` and `errors`.
"""
