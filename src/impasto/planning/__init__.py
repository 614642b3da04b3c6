"""What a run will do, known before it begins: stages, tiles, memory and work. Pure arithmetic, without torch or files.

It may import `settings`, `layers` and `errors`.
"""
