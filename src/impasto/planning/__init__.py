"""What a run will do, known before it begins: stages, tiles, memory and work. Pure arithmetic, without torch or files.

What the parts of a run take in memory is not here: the network, losses and optimizers state it in the words of
`planning.footprint`, and `transfer.footprint` puts it together. It may import `settings`, `layers` and `errors`.
"""
