"""Kernels for whole images on a GPU: few launches, each with as much work in one pass over memory as possible.

- `frame`: padding of a signal with copies of its rows and columns, or with zeros.
- `layer_operators`, `statistic_operators`, `history_operators`: the operators, each in plain PyTorch for any device,
  and as one Triton kernel if Triton is installed. `impasto.network.whole_image` combines them with cuDNN's
  convolutions to VGG-19.
- `triton_first_layer`, `triton_relu`, `triton_linear`, `triton_pooling`, `triton_statistics`, `triton_history`: the
  Triton kernels, which the operators import at first use; `triton_blocks` and `triton_product` are parts of them.
- `dispatch`: the choice of the operators and of the Triton kernels, by a tensor's device and precision.
- `warm_up`, `preloading`: load the kernels, the driver and Triton before they are needed.
"""
