"""Reports on finished pictures and their losses: numbers (`metrics`), charts, and labeled sheets of pictures.

It paints nothing. It may import `transfer` and the packages below it.
"""
