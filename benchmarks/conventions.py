"""Turn the α and β of peers into ours, and compare the loss that their own code prints with ours, on the same images.

    scripts/bench conventions
    scripts/bench conventions --author CLONE --images CONTENT STYLE PICTURE

Installs the peers from PyPI into a virtual environment of their own, in `out/peers`, unless they are there:
neural-style (neural-style-pt), pastiche, guertena (PyTorch's tutorial as a package) and neural-style-transfer
(TensorFlow's). CLONE is a clone of leongatys/PytorchNeuralStyleTransfer, whose notebook is run too. Without --images,
content and style are those of the demo, and the picture is half of each. All three are brought to the size of CONTENT.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from record import write_rows

from impasto import Picture, Runtime, Settings, StyleTransfer, load_weights
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.planning.plan import Size
from impasto.recipes import demo
from impasto.settings.other_programs import our_weights

ROOT = Path(__file__).parents[1]

POSITIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
"""The indices of the convolutions among torchvision's modules."""


class Peer(NamedTuple):
    """A program that prints its loss."""

    packages: tuple[str, ...]
    """The packages that pip installs, without their requirements."""
    program: str
    """Its convention, as `our_weights` knows it."""
    weights: tuple[float, float]
    """Its α and β at its defaults."""
    white: int = 255
    """The value of white in the pictures that it gives its network."""
    content_layer: str = "conv4_2"


TORCHVISION, TENSORFLOW = "torchvision==0.28.0", "neural-style-transfer==1.0.6"

PEERS = {
    "neural-style": Peer(("neural-style==0.5.7", TORCHVISION), "neural-style", (5, 100), white=256),
    "pastiche": Peer(("pastiche==1.6.0",), "notebook", (0.01, 10)),
    "guertena": Peer(("guertena==0.0.5", TORCHVISION), "pytorch", (1, 1e6)),
    "neural-style-transfer": Peer((TENSORFLOW,), "tensorflow", (1e3, 1e-2), content_layer="conv5_2"),
    "author": Peer((TORCHVISION,), "notebook", (1, 1000)),
}
"""The peers by name; the last one is a notebook, for which `--author` names a clone."""

LIBRARIES = ("numpy", "pillow", "matplotlib", "tensorflow-cpu==2.15.1", "pandas", "requests", "ipython")
"""What the peers import beside torch."""

DEMO = ("the demo's photograph", "its painting", "half of each")
"""The names of the images without `--images`."""

OTHER_WEIGHTS = (3, 700)
"""A second pair of α and β, of another ratio than any default."""


def install_peers(folder: Path) -> Path:
    """Return the Python of an environment with the peers, made in the folder if it is not there."""
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        version = torch.__version__.split("+")[0]
        subprocess.run([*install, f"torch=={version}", *LIBRARIES], check=True)
        packages = sorted({package for peer in PEERS.values() for package in peer.packages})
        subprocess.run([*install, "--no-deps", *packages], check=True)
        (folder / "ready").touch()
    return python


def rows(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each triple of images, peer and pair of weights."""
    python = install_peers(options.peers.absolute())
    peers = [name for name in options.only or PEERS if name != "author" or options.author]
    with tempfile.TemporaryDirectory() as folder:
        weights = save_weights(Path(folder))
        for count, paths in enumerate(options.images or [None]):
            images = save_images(paths, options.size, Path(folder) / f"{count}")
            stems = [Path(path).stem for path in paths] if paths else DEMO
            names_of_images = dict(zip(("content", "style", "picture"), stems, strict=True))
            for name, pair in product(peers, (None, OTHER_WEIGHTS)):
                alpha, beta = pair or PEERS[name].weights
                command = [python, Path(__file__).with_name("peer_losses.py"), name, *images, "--weights", weights]
                command += ["--alpha", str(alpha), "--beta", str(beta)]
                theirs = run_peer([*command, "--clone", options.author or ""])
                losses = compare(PEERS[name], images, alpha, beta, theirs)
                yield {"peer": name, **names_of_images, "size": options.size, **losses}


def run_peer(command: list[Any]) -> float:
    """Return the loss that a peer prints."""
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise SystemExit(f"{command[2]} failed:\n{process.stderr}")
    number = r"\d+\.\d+(?:e[-+]?\d+)?"
    total = re.findall(rf"total loss:\s*({number})", process.stdout, flags=re.IGNORECASE)
    return float((total or re.findall(number, process.stdout))[-1])


def save_weights(folder: Path) -> Path:
    """Save the original VGG-19 by torchvision's names, for images in BGR, and return the file."""
    tensors: dict[str, torch.Tensor] = {}
    for position, (layer, (weight, bias)) in zip(POSITIONS, load_weights().tensors.items(), strict=True):
        tensors[f"features.{position}.weight"] = weight.flip(1) if layer == "conv1_1" else weight
        tensors[f"features.{position}.bias"] = bias
    torch.save({name: tensor.float().contiguous() for name, tensor in tensors.items()}, folder / "vgg19.pth")
    return folder / "vgg19.pth"


def save_images(paths: list[str] | None, size: int, folder: Path) -> list[Path]:
    """Save content, style and picture at the size of the content, and return their files."""
    folder.mkdir()
    pictures = [Picture.open(path) for path in paths or [demo.photograph()]]
    if not paths:
        pictures.append(Picture(demo.painting()))
    content_size = Size(pictures[0].width, pictures[0].height).with_long_side(size)
    resized = [picture.resized(*content_size).in_profile(None) for picture in pictures]
    if not paths:
        resized.append(Picture((resized[0].pixels + resized[1].pixels) / 2))
    files = [folder / f"{kind}.png" for kind in ("content", "style", "picture")]
    for picture, file in zip(resized, files, strict=True):
        picture.save(file)
    return files


def compare(peer: Peer, images: list[Path], alpha: float, beta: float, theirs: float) -> dict[str, Any]:
    """Return the loss of a peer, and ours with the weights that `our_weights` gives."""
    content, style, picture = (Picture.open(path).pixels * peer.white / 255 for path in images)
    settings = Settings(padding="zeros", range_weight=0.0, style_weight=1.0, content_layers=peer.content_layer)
    transfer = StyleTransfer(settings, Runtime(device="cpu", dtype="float32", winograd="off"))
    features = transfer.network(picture.clone().requires_grad_(), settings.active_layers)  # which may be beyond white
    shapes = {layer: (len(maps), maps[0].numel()) for layer, maps in features.items()}
    content_weight, style_weights = our_weights(
        peer.program,
        alpha,
        beta,
        content=shapes[peer.content_layer],
        styles=[shapes[layer] for layer in settings.style_layers],
        pixels=picture[0].numel(),
    )
    ours = settings.replace(
        content_weight=content_weight, style_layers=dict(zip(settings.style_layers, style_weights, strict=True))
    )
    objective = Objective.build(ours, transfer.network, content, [Region([StyleImage(style)])])
    loss = float(objective.evaluate(picture).loss)
    return {
        "alpha": alpha,
        "beta": beta,
        "theirs": theirs,
        "content_weight": content_weight,
        "style_layers": style_weights,
        "ours": loss,
        "difference": abs(loss / theirs - 1),
    }


def main() -> None:
    """Compare the losses, and put them into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", nargs=3, metavar=("CONTENT", "STYLE", "PICTURE"), action="append")
    parser.add_argument("--size", type=int, default=256, help="long side")
    parser.add_argument("--author", metavar="CLONE", help="of leongatys/PytorchNeuralStyleTransfer")
    parser.add_argument("--only", choices=PEERS, action="append", help="one of the peers; all, if not given")
    parser.add_argument("--peers", type=Path, default=ROOT / "out" / "peers", help="the peers' environment")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.set_defaults(part=["conventions"])
    write_rows(parser.parse_args(), {"conventions": rows})


if __name__ == "__main__":
    main()
