"""Pictures that take more than one run, or no photograph: the paper's figures, and the demo's own painting.

It prints nothing and knows no terminal. It may import `reports`, `transfer` and what is below.
"""
