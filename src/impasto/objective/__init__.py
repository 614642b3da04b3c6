"""The problem: the value and gradient of an image, its targets, what a tile sees of an image, and edges that meet.

It knows nothing of optimizers, stages or files, and no loss by name. It may import `losses`, `network`, `machine`,
`images` and `planning`.
"""
