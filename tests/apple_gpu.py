"""A tensor that refuses what an Apple GPU refuses: float64, and eigenvalues, as PyTorch 2.13 does there."""

import torch

MPS = torch.device("mps")
_UNSUPPORTED = {torch.linalg.eigh, torch.linalg.eigvalsh, torch.linalg.cholesky}


class OnAppleGpu(torch.Tensor):
    """A tensor of a processor in the place of one of an Apple GPU."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), options=None):
        options = options or {}
        if function == torch.Tensor.device.__get__:
            return MPS
        if function is torch.Tensor.cpu:
            with torch._C.DisableTorchFunctionSubclass():
                return arguments[0].as_subclass(torch.Tensor)
        if function in _UNSUPPORTED:
            raise NotImplementedError(f"{function} is not currently implemented for the MPS device")
        is_mixed = any(type(each) is torch.Tensor and each.ndim for each in arguments)
        if function is not torch.Tensor.to and is_mixed:
            raise RuntimeError("Expected all tensors to be on the same device")
        result = super().__torch_function__(function, types, arguments, options)
        if isinstance(result, torch.Tensor) and result.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        if function is torch.Tensor.to and isinstance(arguments[1], cls):
            with torch._C.DisableTorchFunctionSubclass():
                return result.as_subclass(cls)
        return result


def on_apple_gpu(tensor):
    """Return a tensor that refuses what an Apple GPU refuses."""
    return tensor.as_subclass(OnAppleGpu)
