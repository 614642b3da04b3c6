"""What is made of finished pictures and their losses: numbers (`metrics`), charts, and labeled sheets of pictures.

It paints nothing. It may import `transfer` and what is below.
"""
