"""Recipes: the settings and pictures of particular tasks, which jobs and sheets then paint.

    panel            a picture of a sheet, with its settings and styles
    paper_figures    the panels of the paper's figures
    sweep            the panels of all combinations of several values of options
    print_size       the pixels of a print on paper
    texture          a texture, without a photograph
    demo             the demo's photograph, and the painting that it paints itself

It runs no style transfer, prints nothing and knows no terminal. It may import `reports`, `transfer` and the packages
below them.
"""
