"""Whole images on a GPU: few launches, each with as much work in one pass over memory as possible.

- `frame`: how a signal is surrounded by copies of its rows and columns, or zeros.
- `operators`: the operators, each in plain PyTorch for any device, and as one Triton kernel where Triton is.
- `triton_layers`, `triton_gram`, `triton_history`: the Triton kernels. Only `operators` imports them, at first use.
- `network`: VGG-19 forward and back, made of cuDNN's convolutions and these operators.
- `dispatch`: which tensors go this way.
"""
