"""Painting from a prompt or a notebook: the call that does everything, and progress that shows itself.

It is the one room beside `cli` that writes to the screen, and does so only when it is asked to. It may import whatever
is below `cli`.
"""
