"""The worker of the studio on the tiny network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

import impasto.network.weights
from tiny import tiny_weights

torch.set_num_threads(1)
impasto.network.weights.load_weights = lambda *_, **__: tiny_weights()

from impasto.web.worker import main

main()
