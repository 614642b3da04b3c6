"""Painting from a prompt or a notebook: the call that does everything, and progress that shows itself.

It and `cli` are the only packages that write to the screen, and it does so only when it is asked to. It may import
whatever is below `cli`.
"""
