"""The command on the tiny network, in a process of its own."""

import sys

import impasto.network.weights
from impasto.cli import main
from tiny import tiny_weights

impasto.network.weights.load_weights = lambda *_, **__: tiny_weights()
main(sys.argv[1:])
