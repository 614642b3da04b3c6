"""Run the command of neural-style-pt with all of its options, where it is installed; `batch_speed.py` runs it.

python peer_paints.py -content_image PHOTO -style_image PAINTING -output_image FILE ...
"""

from peer_losses import import_torchvision

import_torchvision()
from neural_style import neural_style  # noqa: E402 (it reads its options when it is imported)

neural_style.main()
