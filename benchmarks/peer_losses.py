"""Let the own code of a peer evaluate its loss once, at a picture, and print it; `conventions.py` runs this program.

    python peer_losses.py PEER CONTENT STYLE PICTURE --alpha 5 --beta 100 --weights vgg19.pth [--clone FOLDER]

The three pictures have one size. What is not the peer's own: it gets VGG-19's weights from a file where it would
download some, and an optimizer that evaluates and does not step. The number after the last "total loss", or else the
last number that is printed, is the loss.
"""

import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import torch
from PIL import Image

OPERATORS = ("nms", "qnms", "roi_align", "ps_roi_align", "ps_roi_pool", "roi_pool", "deform_conv2d")
"""Operators of torchvision's compiled part, which does not load beside a torch of another build; no peer calls them."""


class IdleOptimizer:
    """An optimizer that evaluates the loss `evaluations` times and leaves the picture as it is."""

    evaluations = 1

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def zero_grad(self) -> None:
        """Do nothing."""

    def step(self, evaluate: Any) -> Any:
        """Evaluate."""
        return [evaluate() for _ in range(self.evaluations)][-1]


def import_torchvision() -> None:
    """Import torchvision, with the names of its operators declared where its compiled part does not load."""
    try:
        import torchvision  # noqa: PLC0415
    except RuntimeError:
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in OPERATORS:
            library.define(f"{name}(Tensor a) -> Tensor")
            library.define(f"_{name}_backward(Tensor a) -> Tensor")
        import_torchvision.library = library  # it has to stay
        import torchvision  # noqa: F401, PLC0415


def neural_style(options: argparse.Namespace) -> None:
    """Run the command of neural-style-pt, for one evaluation."""
    import_torchvision()
    size = max(Image.open(options.content).size)
    sys.argv = [
        *("neural-style", "-gpu", "c", "-backend", "mkl", "-disable_check", "-model_file", options.weights),
        *("-content_image", options.content, "-style_image", options.style, "-init_image", options.picture),
        *("-init", "image", "-image_size", str(size), "-num_iterations", "1", "-print_iter", "1", "-save_iter", "0"),
        *("-content_weight", str(options.alpha), "-style_weight", str(options.beta), "-tv_weight", "0"),
        *("-output_image", str(Path(options.weights).with_name("unused.png"))),
    ]
    from neural_style import neural_style as peer  # noqa: PLC0415 (it reads its options when it is imported)

    peer.optim.LBFGS = IdleOptimizer
    peer.main()


def pastiche(options: argparse.Namespace) -> None:
    """Run the command of pastiche, without a step; its style weight is counted in tens."""
    from pastiche import pastiche as peer  # noqa: PLC0415

    size = str(max(Image.open(options.content).size))
    peer.main([
        *("pastiche", "--content", options.content, "--styles", options.style, "--init", options.picture),
        *("--size", size, "--style-size", size, "--num-steps", "0"),
        *("--content-layer-weights", str(options.alpha), "--style-weights", str(options.beta / 10)),
        *("--output", str(Path(options.weights).with_name("unused.png"))),
    ])  # fmt: skip


def guertena(options: argparse.Namespace) -> None:
    """Run guertena, PyTorch's tutorial as a package, at the layers of the paper; it logs each 50th evaluation."""
    import_torchvision()
    from guertena import driver, styletransfernet  # noqa: PLC0415
    from torchvision import models  # noqa: PLC0415

    def build_original(**_: object) -> torch.nn.Module:
        network = models.VGG(models.vgg.make_layers(models.vgg.cfgs["E"]), init_weights=False)
        tensors = torch.load(options.weights)
        tensors["features.0.weight"] = tensors["features.0.weight"].flip(1)  # it gives its network RGB
        network.load_state_dict(tensors, strict=False)
        return network

    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    styletransfernet.models.vgg19 = build_original
    network = styletransfernet.StyleTransferNet
    network.vgg19_normalization_mean = torch.tensor([123.68, 116.779, 103.939]) / 255
    network.vgg19_normalization_std = torch.ones(3) / 255
    IdleOptimizer.evaluations = 50
    driver.optim.LBFGS = IdleOptimizer
    images = [Image.open(path) for path in (options.content, options.style, options.picture)]
    driver._style_transfer_pass(  # noqa: SLF001
        *images[:2],
        num_steps=49,
        init_img=images[2],
        content_weight=options.alpha,
        style_weight=options.beta,
        tv_weight=0,
        content_layers=["relu_10"],
        style_layers=["relu_1", "relu_3", "relu_5", "relu_9", "relu_13"],
    )


def neural_style_transfer(options: argparse.Namespace) -> None:
    """Run neural-style-transfer, TensorFlow's tutorial as a package; it starts at the content, so that is exchanged."""
    Image.ANTIALIAS = Image.Resampling.LANCZOS  # it had that name then
    from neuralstyletransfer import model as peer  # noqa: PLC0415

    build, load, features = peer.tf.keras.applications.vgg19.VGG19, peer.load_file, peer.get_features

    def build_original(**_: object) -> Any:
        network, tensors = build(include_top=False, weights=None), list(torch.load(options.weights).values())
        network.set_weights([each.permute(2, 3, 1, 0).numpy() if each.ndim == 4 else each.numpy() for each in tensors])
        return network

    def features_and_exchange(*arguments: object) -> Any:
        outputs = features(*arguments)
        model.setContentImage(options.picture, "local")
        return outputs

    peer.tf.keras.applications.vgg19.VGG19 = build_original
    peer.models = peer.tf.keras.models  # the private name that it imports has another network's parts
    peer.load_file = lambda path, kind: load(path, kind, max(Image.open(options.content).size))
    peer.get_features = features_and_exchange
    model = peer.Model()
    model.setContentImage(options.content, "local")
    model.setStyleImage(options.style, "local")
    model.train(options.alpha, options.beta, epochs=1)


def author(options: argparse.Namespace) -> None:
    """Run the author's notebook, of a clone of leongatys/PytorchNeuralStyleTransfer: its cells, for one evaluation."""
    import_torchvision()
    import matplotlib as mpl  # noqa: PLC0415
    from torchvision import transforms  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    transforms.Scale = lambda _: lambda image: image  # it had that name then; the pictures have their size
    torch.optim.LBFGS = IdleOptimizer
    paths = {"vangogh_starry_night.jpg": options.style, "Tuebingen_Neckarfront.jpg": options.content}
    changes = {
        "%pylab inline": "",
        "vgg.load_state_dict(torch.load(model_dir + 'vgg_conv.pth'))": "vgg.load_state_dict(weights)",
        "Image.open(img_dirs[i] + name)": "Image.open(paths[name])",
        "Variable(content_image.data.clone(), requires_grad=True)": "Variable(prep(picture)[None], requires_grad=True)",
        "style_weights = [1e3/n**2": "style_weights = [beta/n**2",
        "content_weights = [1e0]": "content_weights = [alpha]",
        "max_iter = 500\nshow_iter = 50": "max_iter = 0\nshow_iter = 1",
    }
    layers = [f"conv{block}_{k}" for block, count in enumerate((2, 2, 4, 4, 4), 1) for k in range(1, count + 1)]
    keys = [f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias")]
    tensors = dict(zip(keys, torch.load(options.weights).values(), strict=True))
    names = {"os": os, "paths": paths, "weights": tensors, "alpha": options.alpha, "beta": options.beta}
    names |= {"picture": Image.open(options.picture), "imshow": plt.imshow, "show": plt.show, "gcf": plt.gcf}
    notebook = json.loads((Path(options.clone) / "NeuralStyleTransfer.ipynb").read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for source in sources[:9]:  # behind them it goes on at a larger size
        code = source
        for old, new in changes.items():
            code = code.replace(old, new)
        exec(code, names)


def main() -> None:
    """Run the peer that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    peers = {
        "neural-style": neural_style,
        "pastiche": pastiche,
        "guertena": guertena,
        "neural-style-transfer": neural_style_transfer,
        "author": author,
    }
    parser.add_argument("peer", choices=peers)
    for name in ("content", "style", "picture"):
        parser.add_argument(name)
    parser.add_argument("--alpha", type=float, required=True)
    parser.add_argument("--beta", type=float, required=True)
    parser.add_argument("--weights", required=True, help="tensors by torchvision's names, for images in BGR")
    parser.add_argument("--clone", help="of the author's repository")
    options = parser.parse_args()
    torch.set_num_threads(1)
    peers[options.peer](options)


if __name__ == "__main__":
    main()
