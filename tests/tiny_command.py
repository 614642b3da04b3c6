"""The command on the tiny network, in a process of its own."""

import os
import sys

from impasto.cli import main


def load_tiny_network() -> None:
    import impasto.network.weights
    from tiny import tiny_weights

    impasto.network.weights.load_weights = lambda *_, **__: tiny_weights()


if "--processes" not in sys.argv or "RANK" in os.environ:  # a process that only starts others needs no torch
    load_tiny_network()
main(sys.argv[1:])
