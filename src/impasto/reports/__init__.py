"""Reports on finished pictures: numbers (`metrics`), and labeled sheets of pictures.

It paints nothing. It may import `transfer` and the packages below it.
"""
