"""Whole images on a GPU: few launches, each with as much work in one pass over memory as possible.

- `frame`: how a signal is surrounded by copies of its rows and columns, or zeros.
- `layer_operators`, `statistic_operators`, `history_operators`: the operators, each in plain PyTorch for any device,
  and as one Triton kernel where Triton is. `impasto.network.whole_image` makes VGG-19 of them and of cuDNN's
  convolutions.
- `triton_layers`, `triton_statistics`, `triton_history`: the Triton kernels, which the operators import at first use.
- `dispatch`: which tensors go this way. `warm_up`, `preloading`: load the kernels and the driver before they are used.
"""
