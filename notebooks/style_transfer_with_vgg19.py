# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Style transfer with VGG-19
#
# **Style transfer** paints a photograph in the style of a painting. Gatys, Ecker and Bethge (CVPR 2016) found how: a network
# that recognizes objects separates *what* a picture shows from *how* it is painted.
#
# You write the method in about 60 lines of torch, then call it from impasto, then look inside. You need Python, and to know
# what a convolution is. Each claim is followed by a cell that asserts or draws it. All of it runs offline.

# %%
import base64
import html
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from IPython.display import HTML, display
from PIL import Image

from impasto import Picture, load_weights
from impasto.recipes import demo

SIZE = 128  # the width of the pictures, in pixels
EVALUATIONS = 40  # how often a picture is evaluated while it is painted
_ = torch.manual_seed(0)
# %% [markdown]
# The next cell only draws. Skip it.

# %% jupyter={"source_hidden": true} tags=["drawing"]
plt.rcParams.update({"figure.dpi": 80, "font.size": 11, "axes.spines.top": False, "axes.spines.right": False})


def row(pictures, titles, height=2.4):
    """Draw pictures, (3, H, W) or (H, W), side by side, or in rows of three, which a phone can show."""
    columns = len(pictures) if len(pictures) < 5 else 3
    rows = -(-len(pictures) // columns)
    figure = plt.figure(figsize=(2.1 * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.axis("off")
    for axis, picture, title in zip(axes, pictures, titles):
        pixels = getattr(picture, "pixels", picture).detach().numpy()
        axis.imshow(pixels.transpose(1, 2, 0).clip(0, 1) if pixels.ndim == 3 else pixels, cmap="magma")
        axis.set_title(title, fontsize=10)
    plt.show()


def matrix(axis, values, title, numbers=True, boxes=()):
    """Draw a matrix in colors, with its numbers, and boxes (row, column, height, width) around some entries."""
    axis.imshow(np.asarray(values), cmap="YlGnBu")
    if numbers:
        for (y, x), value in np.ndenumerate(np.asarray(values)):
            dark = value > 0.6 * float(values.max())
            axis.text(x, y, f"{value:.0f}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    for y, x, high, wide in boxes:
        axis.add_patch(plt.Rectangle((x - 0.5, y - 0.5), wide, high, fill=False, edgecolor="crimson", linewidth=2.5))
    axis.set_title(title, fontsize=10)
    axis.set(xticks=[], yticks=[])


def mosaic(width, height, tiles=260, seed=1):
    """Make a second painting: a mosaic of colored tiles with dark joints."""
    random = np.random.default_rng(seed)
    palette = np.array([[0.85, 0.3, 0.2], [0.95, 0.75, 0.3], [0.9, 0.9, 0.8], [0.2, 0.5, 0.5], [0.15, 0.2, 0.4]])
    centers = random.uniform(0, 1, (tiles, 2)) * (height, width)
    pixels = np.stack(np.mgrid[:height, :width], -1)[:, :, None]
    distances = np.sqrt(((pixels - centers) ** 2).sum(-1))
    nearest = np.sort(distances, -1)
    wave = np.sin(centers[:, 0] / height * 5 + np.sin(centers[:, 1] / width * 6))
    colors = palette[((wave + 1.2 + 0.5 * random.uniform(-1, 1, tiles)) * 2).astype(int).clip(0, 4)]
    joint = np.clip(nearest[..., 1] - nearest[..., 0], 0.3, 1.2)[..., None] / 1.2
    return torch.tensor(colors[distances.argmin(-1)] * joint, dtype=torch.float32).permute(2, 0, 1)


# %% [markdown]
# ## 1. By hand
#
# ### Two pictures
# The photograph shows Grace Hopper; matplotlib brings it. impasto paints the painting, stroke by stroke. To torch a picture is
# a tensor (3, H, W): red, green and blue, from 0 to 1.


# %% tags=["by-hand"]
def load(path, width):
    image = Image.open(path).convert("RGB")
    image = image.resize((width, round(width * image.height / image.width)), Image.Resampling.LANCZOS)
    return torch.tensor(np.asarray(image)).permute(2, 0, 1).contiguous() / 255  # (3, H, W)


photo = load(demo.photograph(), SIZE)

# %%
painting = demo.painting(round(1.25 * SIZE))
assert photo.shape[0] == painting.shape[0] == 3
assert photo.min() >= 0 and photo.max() <= 1
row([photo, painting], ["photograph: the content", "painting: the style"], height=2.6)

# %% [markdown]
# Their sizes may differ: nothing compares them pixel by pixel.
#
# ### The network
# VGG-19 has five **blocks** of two or four **convolutions**, each followed by a ReLU. Behind each block a **pooling** halves
# width and height. `conv4_2` is the second convolution of the fourth block, after its ReLU. The network was trained on pixels
# from 0 to 255 minus the mean color, so we **normalize** first.

# %% tags=["by-hand"]
weights = load_weights().tensors  # {"conv1_1": (weight, bias), …}
MEAN = torch.tensor([123.68, 116.779, 103.939]).reshape(3, 1, 1)  # red, green, blue


def vgg(image, layers):
    signal, found = (255 * image - MEAN)[None], {}
    for name, (weight, bias) in weights.items():
        if name.endswith("_1") and name != "conv1_1":
            signal = F.max_pool2d(signal, 2)
        signal = F.conv2d(signal, weight.to(signal), bias.to(signal), padding=1).relu()
        if name in layers:
            found[name] = signal[0]  # (C, H, W)
        if len(found) == len(layers):
            break
    return found


# %%
blocks = vgg(photo, ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"])
for name, found in blocks.items():
    print(name, *found.shape)
assert [len(found) for found in blocks.values()] == [64, 128, 256, 512, 512]
assert blocks["conv3_1"].shape[1] == photo.shape[1] // 4  # two poolings

# %% [markdown]
# The output of a layer is its **features**: C **feature maps** of H × W numbers. A map is large where its filter has found
# what it looks for.
#
# <details><summary>And torchvision?</summary>
#
# ```python
# from torchvision.models import VGG19_Weights, vgg19
#
# vgg = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features.eval()
# ```
#
# downloads 548 MB: a network of the same shape, trained on input from 0 to 1, less another mean, divided by a deviation. You
# do not need it: `load_weights()` has the original weights, which the paper used. They came with impasto.
# </details>
#
# ### Content
# Two pictures have the same **content** if they have the same features at `conv4_2`. The **content loss** is the mean squared
# difference.


# %% tags=["by-hand"]
def content_loss(features, target):
    return (features - target).square().mean()


# %%
content = vgg(photo, ["conv4_2"])["conv4_2"]
darker, mirrored = 0.9 * photo, photo.flip(2)
of_darker, of_mirrored = (
    content_loss(vgg(each, ["conv4_2"])["conv4_2"], content).item() for each in (darker, mirrored)
)
print(f"darker by a tenth: {of_darker:.0f}, mirrored: {of_mirrored:.0f}")
assert content_loss(content, content) == 0
assert of_darker < of_mirrored / 4  # content is where things are, not how bright they are

# %% [markdown]
# ### Style: the Gram matrix
# A picture of 4 × 4 pixels passes a layer of 8 maps. Write each map as a vector of 16 numbers: the first row of the map is
# the first four. The volume 8 × 4 × 4 becomes a matrix F of 8 × 16. F times its transpose is the **Gram matrix**, 8 × 8. Row
# 4, column 2 says how similar maps 4 and 2 are: it is large if both are active at the same places. Here map 4 is almost a
# copy of map 2.

# %%
maps = torch.randint(0, 6, (8, 4, 4)).float()
maps[1] = torch.tensor([[9, 8, 0, 0], [9, 7, 0, 1], [0, 0, 8, 9], [1, 0, 9, 7]])
maps[3] = maps[1] + torch.randint(0, 2, (4, 4))

rows = maps.reshape(8, 16)  # each map a vector
products = rows @ rows.T  # 8 × 8

figure = plt.figure(figsize=(6.5, 6.2), layout="constrained")
axes = figure.subplot_mosaic([["rows", "rows"], ["map", "products"]], height_ratios=[1, 1.1], width_ratios=[1, 2])
matrix(axes["map"], maps[3], "map 4, 4 × 4", boxes=[(0, 0, 1, 4)])
matrix(axes["rows"], rows, "F, 8 × 16: each map is a row", boxes=[(3, 0, 1, 16), (1, 0, 1, 16), (3, 0, 1, 4)])
matrix(axes["products"], products, "F Fᵀ, 8 × 8", boxes=[(3, 1, 1, 1)])
arrow = {"arrowstyle": "->", "color": "crimson"}
axes["products"].annotate(
    "row 4,\ncolumn 2", (0.6, 3), (-1.2, 3), color="crimson", ha="right", va="center", arrowprops=arrow
)
plt.show()

assert rows[3, :4].equal(maps[3, 0])  # the first row of map 4 is the first 4 numbers of its vector
assert products[3, 1] == (maps[3] * maps[1]).sum()
assert products[3, 1] == max(products[3, k] for k in range(8) if k != 3)  # maps 4 and 2 go together best
assert products.equal(products.T)

# %% [markdown]
# Why this matrix? Because it **forgets where**. Shuffle the 16 places, the same for all maps: the Gram matrix stays.

# %%
places = torch.randperm(16)
assert (rows[:, places] @ rows[:, places].T).equal(products)

# %% [markdown]
# Now for features of any layer. We divide by the number of places, to compare pictures of different sizes:


# %% tags=["by-hand"]
def gram(features):
    rows = features.flatten(1)  # (C, H·W)
    return rows @ rows.T / rows.shape[1]  # (C, C)


# %%
scattered = painting.flatten(1)[:, torch.randperm(painting[0].numel())].reshape(painting.shape)


def changed(image, other, layer):
    found, before = gram(vgg(other, [layer])[layer]), gram(vgg(image, [layer])[layer])
    return ((found - before).norm() / before.norm()).item()


assert torch.allclose(gram(scattered), gram(painting), rtol=1e-4)  # the colors alone: nothing has changed
row(
    [painting, scattered],
    ["painting", f"pixels shuffled: conv1_1\nchanges by {changed(painting, scattered, 'conv1_1'):.0%}"],
    height=2.7,
)
assert changed(painting, scattered, "conv1_1") > 0.1  # a filter sees a pixel's neighbors

# %% [markdown]
# The Gram matrix of the *pixels* stays. That of `conv1_1` changes, since its filters see 3 × 3 pixels. Those of `conv5_1` see
# 156 × 156. So a layer forgets where strokes are, but not how they look, up to the size that its filters see. That is why
# style takes **five layers**: for small strokes and large ones.
#
# The **style loss** of a layer is the mean squared difference of two Gram matrices, divided by C², as the author does.

# %% tags=["by-hand"]
STYLE_LAYERS = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]


def style_loss(features, target):
    return (gram(features) - target).square().mean() / len(target) ** 2


content = vgg(photo, ["conv4_2"])["conv4_2"]
styles = {layer: gram(found) for layer, found in vgg(painting, STYLE_LAYERS).items()}

# %% [markdown]
# ### The total loss
# The **target** is the picture that we paint. Its loss is α · content + β · style, and β is much larger. Only the ratio α/β
# matters; some say 1/10, but it depends on the formulas of the losses. For ours, α = 20 and β = 1000 are good at this size.

# %% tags=["by-hand"]
ALPHA, BETA = 20, 1000


def losses(target):
    found = vgg(target, ["conv4_2", *STYLE_LAYERS])
    style = sum(style_loss(found[layer], styles[layer]) for layer in STYLE_LAYERS)
    return ALPHA * content_loss(found["conv4_2"], content), BETA * style


# %% [markdown]
# **Backpropagation** gives the derivative of the loss by each pixel. Only the target changes, never the network.

# %%
target = photo.clone().requires_grad_()
of_content, of_style = losses(target)
(of_content + of_style).backward()
assert of_content == 0 and of_style > 0  # a copy has the content already
assert target.grad.shape == photo.shape
assert not any(tensor.requires_grad for pair in weights.values() for tensor in pair)

step = 1e-3 * target.grad / target.grad.norm()
with torch.no_grad():
    assert sum(losses(target - step)) < sum(losses(target))  # against the gradient the loss falls

# %% [markdown]
# ### Painting
# An **optimizer** turns gradients into steps. Adam's steps have about one size; L-BFGS learns the curvature of the loss and
# chooses. Both call a function that evaluates loss and gradient. We start from a copy of the photograph.


# %% tags=["by-hand"]
def paint(target, optimizer, evaluations):
    history, pictures = [], []

    def evaluate():
        optimizer.zero_grad()
        of_content, of_style = losses(target)
        (of_content + of_style).backward()
        history.append([of_content.item(), of_style.item()])
        pictures.append(target.detach().clone())
        return of_content + of_style

    while len(history) < evaluations:
        optimizer.step(evaluate)
    return torch.tensor(history[:evaluations]), pictures


target = photo.clone().requires_grad_()
first, strip = paint(target, torch.optim.Adam([target], lr=0.02), EVALUATIONS)
branch = target.detach().clone().requires_grad_()
second, more = paint(target, torch.optim.LBFGS([target], max_iter=5), EVALUATIONS)

# %% [markdown]
# That is the whole method. Adam began, L-BFGS went on. To compare, Adam goes on from the same picture.

# %%
alone, _ = paint(branch, torch.optim.Adam([branch], lr=0.02), EVALUATIONS)

figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
after = np.arange(EVALUATIONS, 2 * EVALUATIONS) + 1
for column, term in enumerate(("content", "style")):
    axis.plot(np.arange(EVALUATIONS) + 1, first[:, column], f"C{column}-", label=f"{term}: Adam")
    axis.plot(after, alone[:, column], f"C{column}:")
    axis.plot(after, second[:, column], f"C{column}-", linewidth=3, label=f"{term}: then L-BFGS")
axis.axvline(EVALUATIONS + 0.5, color="gray", linewidth=0.8)
axis.set(yscale="log", xlabel="evaluation", ylabel="loss, with its weight", title="dotted: Adam goes on")
axis.set_ylim(bottom=float(second.min()) / 3)
axis.legend()
plt.show()
assert first[-1, 1] < first[0, 1] / 2
assert second[-1].sum() < alone[-1].sum()  # L-BFGS gets further in as many evaluations

# %%
shown = [0, EVALUATIONS // 8, EVALUATIONS // 2, EVALUATIONS, 2 * EVALUATIONS - 1]
row([(strip + more)[k] for k in shown], [f"evaluation {k + 1}" for k in shown], height=2.6)
by_hand = more[-1]

# %% [markdown]
# The content loss rises: the target starts with all of the content and gives some up for style.
#
# ## 2. The same with impasto
# impasto has the same functions under the same names. Losses and gradients are equal to 1e-5. (In double precision: in single
# precision a pooling may choose another one of two inputs that are nearly equal.)

# %%
import impasto
from impasto import VGG19, Settings, StyleTransfer, plot_losses, stylize

network = VGG19()
exact = network.to("cpu", torch.float64)
mine = (0.5 * photo + 0.25).double().requires_grad_()
of_mine = sum(losses(mine))
of_mine.backward()

theirs = mine.detach().clone().requires_grad_()
found = exact(theirs, ["conv4_2", *STYLE_LAYERS])
grams = {layer: impasto.gram(each) for layer, each in network(painting, STYLE_LAYERS).items()}
of_theirs = ALPHA * impasto.content_loss(found["conv4_2"], network(photo, "conv4_2"))
of_theirs = of_theirs + BETA * sum(impasto.style_loss(found[layer], grams[layer]) for layer in STYLE_LAYERS)
of_theirs.backward()

difference = ((theirs.grad - mine.grad).norm() / mine.grad.norm()).item()
print(f"losses: {of_mine:.8g} and {of_theirs:.8g}; the gradients differ by {difference:.0e} of their length")
assert torch.isclose(of_mine, of_theirs, rtol=1e-5)
assert difference < 1e-5

# %% [markdown]
# One call paints. In a notebook `progress=True` shows the picture while it is painted.

# %%
options = {"size": photo.shape[1], "content_weight": ALPHA, "padding": "zeros", "first_size": 0}
result = stylize(photo, painting, iterations=2 * EVALUATIONS, progress=True, **options)

# %%
print(result)
print(result.history[-1])
plot_losses(result)


# %%
def loss_of_file(picture):
    """Return the loss of a picture as it is saved: clipped to 0 … 1."""
    with torch.no_grad():
        return sum(losses(picture.clamp(0, 1))).item()


row(
    [photo, by_hand, result.picture],
    ["photograph", f"by hand: {loss_of_file(by_hand):.2g}", f"impasto: {loss_of_file(result.picture.pixels):.2g}"],
    height=2.7,
)
assert loss_of_file(result.picture.pixels) < loss_of_file(by_hand)

# %% [markdown]
# A loop of your own sees each evaluation. The kernel's stop button pauses a run; the next loop continues it:

# %%
run = StyleTransfer(Settings(size=64, first_size=0, iterations=4), weights=network.weights).start(photo, painting)
try:
    for report in run:
        if report.evaluation == 2:
            raise KeyboardInterrupt  # as the stop button does
except KeyboardInterrupt:
    print(run)
for report in run:
    print(report)
assert report.evaluation == 4

# %% [markdown]
# The rest of this notebook paints with this function, whose weights are loaded once:

# %%
LONG_SIDE = round(0.75 * SIZE * photo.shape[1] / photo.shape[2])


def painted(content, *styles, settings=None, **options):
    """Paint at a small size and return the result."""
    settings = (settings or Settings(content_weight=ALPHA)).replace(
        **{"size": LONG_SIDE, "first_size": 0, "iterations": EVALUATIONS, "tolerance": 0, **options}
    )
    run = StyleTransfer(settings, weights=network.weights).start(content, list(styles))
    for _ in run:
        pass
    return run.result()


# %% [markdown]
# ## 3. What the network sees
#
# ### Feature maps at five depths
# The most active map of each layer. Each pooling halves it.

# %%
strongest = [found[found.mean((1, 2)).argmax()] for found in blocks.values()]
row([photo, *strongest], ["photograph", *blocks])
assert [each.shape[1] for each in strongest] == [SIZE // 2**k for k in range(5)]

# %% [markdown]
# ### Gram matrices of two paintings
# Two halves of one painting have similar Gram matrices. Those of two paintings differ. Drawn are the 24 most active maps.

# %%
tiles = mosaic(painting.shape[2], painting.shape[1])
half = painting.shape[2] // 2
left, right = (
    {layer: gram(each) for layer, each in vgg(part, STYLE_LAYERS).items()}
    for part in (painting[..., :half], painting[..., half:])
)
others = {layer: gram(each) for layer, each in vgg(tiles, STYLE_LAYERS).items()}
apart = {
    layer: [(other[layer] - left[layer]).norm().item() / left[layer].norm().item() for other in (right, others)]
    for layer in STYLE_LAYERS
}

order = styles["conv2_1"].diag().argsort(descending=True)[:24]  # the most active maps
drawn = [(each["conv2_1"][order][:, order]).sqrt() for each in (styles, others)]
row(
    [painting, drawn[0], tiles, drawn[1]],
    ["painting", "its Gram matrix, conv2_1", "a mosaic", "its Gram matrix, conv2_1"],
)
for layer, (halves, two) in apart.items():
    print(f"{layer}: two halves differ by {halves:.0%}, two paintings by {two:.0%}")
assert all(halves < two for halves, two in list(apart.values())[:4])  # conv5_1 has few places in a half

# %% [markdown]
# ### What a layer knows (figure 1 of the paper)
# From an even gray, find a picture whose features *at one layer* are the photograph's. What the layer has forgotten does not
# come back.

# %%
from impasto.settings.presets import preset

layers = [f"conv{block}_2" for block in range(1, 6)]
rebuilt = [
    painted(
        Picture(photo),
        settings=preset("reconstruction").replace(init="blank"),
        content_layers=layer,
        iterations=2 * EVALUATIONS,
    ).picture
    for layer in layers
]
errors = [
    (each.pixels - Picture(photo).resized(each.width, each.height).pixels).abs().mean().item() for each in rebuilt
]
row([photo, *rebuilt], ["photograph", *(f"{layer}\nerror {error:.3f}" for layer, error in zip(layers, errors))])
assert errors[0] < errors[3] < errors[4]  # deep layers retain forms, not pixels

# %% [markdown]
# Now no content, and style from one layer, two, … five. Each layer adds larger forms.

# %%
blank = Picture(torch.full((3, 3 * SIZE // 4, SIZE), 0.5))
growing = [STYLE_LAYERS[: count + 1] for count in range(5)]
textures = [
    painted(
        blank, painting, settings=preset("texture").replace(tv_weight=0), size=SIZE, style_layers=",".join(each)
    ).picture
    for each in growing
]
row([painting, *textures], ["painting", "conv1_1", *(f"… {each[-1]}" for each in growing[1:])], height=1.9)

# %% [markdown]
# ### Blank, noise or a copy
# The same loss from three starts. The copy already has the content.

# %%
starts = {init: painted(photo, painting, init=init) for init in ("blank", "noise", "content")}
row(
    [each.picture for each in starts.values()],
    [f"{init}\nloss {each.history[-1].loss:.2g}" for init, each in starts.items()],
    height=2.7,
)
assert starts["content"].history[-1].loss < min(starts[init].history[-1].loss for init in ("blank", "noise"))

# %% [markdown]
# ### α/β (figure 4)
# From an even gray, so that all of the photograph comes from its loss.

# %% tags=["long-run"]
ratios = [0.001, 0.01, 0.1, 1, 10]
weighed = [painted(photo, painting, init="blank", content_weight=1000 * ratio) for ratio in ratios]
terms = np.array(
    [
        [each.history[-1].terms["content"] / each.settings.content_weight, each.history[-1].terms["style"]]
        for each in weighed
    ]
)
row([each.picture for each in weighed], [f"α/β = {ratio:g}" for ratio in ratios], height=2.6)
assert (np.diff(terms[:, 0]) < 0).all()  # more α, less content loss …
assert terms[-1, 1] > terms[0, 1]  # … and more style loss

# %% [markdown]
# The same five on a slider:

# %%
sources = json.dumps(
    ["data:image/jpeg;base64," + base64.b64encode(each.picture.jpeg(quality=85)).decode() for each in weighed]
)
moved = html.escape(f"const all = {sources}; this.nextElementSibling.src = all[this.value]")
display(
    HTML(f"""<div>the painting's style ← α/β → the photograph's content<br>
<input type="range" min="0" max="4" value="2" style="width: 240px" aria-label="α/β" oninput="{moved}">
<img src="{json.loads(sources)[2]}" alt="the picture at this α/β" width="240" style="display: block"></div>""")
)

# %% [markdown]
# ### The size of strokes
# `style_scale` resizes the painting before its Gram matrices are computed.

# %%
scales = [0.5, 1, 2]
row(
    [painted(photo, painting, style_scale=scale, content_weight=2).picture for scale in scales],
    [f"strokes × {scale:g}" for scale in scales],
    height=2.7,
)

# %% [markdown]
# ## 4. Where people get stuck
#
# ### The order of the channels
# The original network takes blue, green, red. `load_weights` has turned it around, for red, green, blue. OpenCV loads blue
# first: then the painting has the wrong colors.


# %%
def apart_at(image, layer="conv4_2"):
    """Return by how much features differ from those of the photograph, in parts of their size."""
    found = vgg(image, [layer])[layer]
    return ((found - content).norm() / content.norm()).item()


swapped = painted(photo, painting.flip(0), content_weight=1).picture
repaired = painted(photo, painting, content_weight=1).picture
row([painting.flip(0), swapped, painting, repaired], ["painting in BGR", "stuck", "painting in RGB", "repaired"])
print(f"the features of the photograph in BGR are {apart_at(photo.flip(0)):.0%} apart")
assert apart_at(photo.flip(0)) > 0.2

# %% [markdown]
# ### The range
# The original weights take 0 … 255 less a mean. On 0 … 1 without the mean, features are small and wrong.

# %%
unscaled = vgg((photo + MEAN) / 255, ["conv4_2"])["conv4_2"]  # undoes what vgg does: the network gets 0 … 1
alike = F.cosine_similarity(unscaled.flatten(), content.flatten(), dim=0).item()
print(f"mean feature {content.mean():.1f}; stuck: {unscaled.mean():.1f}, and {alike:.0%} like the right features")
assert unscaled.mean() < content.mean() / 50 and alike < 0.9  # smaller, and not the same pattern
assert apart_at(photo) < 1e-6  # repaired: 255 * image - MEAN

# %% [markdown]
# impasto's network refuses a picture in the wrong range in a sentence:

# %%
try:
    network(255 * photo, "conv4_2")
except impasto.InputError as error:
    print(error)

# %% [markdown]
# ### The wrong layer
# torchvision counts all modules from 0: convolutions, ReLUs, poolings. The paper counts the convolutions of a block from 1.

# %%
modules = []
for block, count in enumerate([2, 2, 4, 4, 4], start=1):
    modules += [f"{kind}{block}_{k}" for k in range(1, count + 1) for kind in ("conv", "relu")] + [f"pool{block}"]
print(
    {
        name: modules.index(name)
        for name in ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "relu4_2", "conv5_1")
    }
)
assert modules.index("conv4_2") == 21 and modules.index("relu4_2") == 22
fourth = [name for name in modules if name.startswith("conv")][3]
assert fourth == "conv2_2"  # "conv_4" of PyTorch's tutorial is the fourth convolution, not the fourth block

before = F.conv2d(vgg(photo, ["conv4_1"])["conv4_1"][None], *weights["conv4_2"], padding=1)[0]
assert torch.allclose(before.relu(), content, rtol=1e-4, atol=1e-2)  # repaired: take the ReLU's output
print(f"before the ReLU {(before < 0).float().mean():.0%} of the numbers are below 0; after it none")
assert (before < 0).float().mean() > 0.5 and (content >= 0).all()

# %% [markdown]
# ### A Gram matrix that is not divided
# Without the division by the number of places M, a layer's loss is M² times as large. M is 256 times larger at `conv1_1` than
# at `conv5_1`: shallow layers outweigh deep ones, and weights for one size do not fit another.

# %%
found = vgg(photo, STYLE_LAYERS)
divided = torch.stack([style_loss(found[layer], styles[layer]) for layer in STYLE_LAYERS])
places = torch.tensor([found[layer][0].numel() for layer in STYLE_LAYERS])
undivided = divided * places.double() ** 2
parts = {"stuck: F Fᵀ": undivided / undivided.sum(), "repaired: F Fᵀ / M": divided / divided.sum()}
plt.figure(figsize=(7, 2.8), layout="constrained")
for shift, (label, values) in zip((-0.2, 0.2), parts.items()):
    plt.bar(np.arange(5) + shift, values.numpy(), 0.4, label=label)
plt.xticks(range(5), STYLE_LAYERS)
plt.yscale("log")
plt.ylabel("part of the style loss")
plt.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1))
plt.show()
assert places[0] >= 256 * places[-1]
assert undivided[:2].sum() / undivided.sum() > 10 * divided[:2].sum() / divided.sum()

# %% [markdown]
# ### A file that is worse than the run
# An optimizer goes beyond black and white. A file cannot store that, so it clips, and the loss jumps:


# %%
def loss_of_run(picture):
    """Return the loss of a picture as the optimizer has it."""
    with torch.no_grad():
        return sum(losses(picture)).item()


outside = ((by_hand < 0) | (by_hand > 1)).float().mean()
print(
    f"by hand: {outside:.1%} of the values are outside 0 … 1; run {loss_of_run(by_hand):.3g}, file {loss_of_file(by_hand):.3g}"
)
kept_inside = result.picture.pixels
print(f"impasto: run {loss_of_run(kept_inside):.3g}, file {loss_of_file(kept_inside):.3g}")
assert loss_of_file(by_hand) > 1.5 * loss_of_run(by_hand)
assert loss_of_file(kept_inside) < 1.01 * loss_of_run(kept_inside)

# %% [markdown]
# impasto adds a penalty on values outside (`range_weight`). By hand it is one more term:
# `(target - target.clamp(0, 1)).square().mean()`, with a weight.
#
# ### A step that is too large
# The loss is a large number and pixels are small ones. A plain gradient step overshoots, and ends in NaN. Adam's step has
# about the size of its learning rate: 0.02 is five gray levels.

# %%
tried = {}
plt.figure(figsize=(7, 2.8), layout="constrained")
for name, lr in (("plain gradient descent", 1e-4), ("Adam, 0.5", 0.5), ("Adam, 0.02", 0.02)):
    target = photo.clone().requires_grad_()
    optimizer = (torch.optim.Adam if "Adam" in name else torch.optim.SGD)([target], lr=lr)
    tried[name], _ = paint(target, optimizer, 14)
    plt.plot(range(1, 15), tried[name].sum(1), "o-", label=name)
plt.yscale("log")
plt.ylim(float(tried["Adam, 0.02"].sum(1).min()) / 2, 100 * float(tried["Adam, 0.5"].sum(1).max()))
plt.xlabel("evaluation")
plt.ylabel("loss")
plt.legend()
plt.show()
print("plain gradient descent ends at", tried["plain gradient descent"][-1].sum().item())
assert not tried["plain gradient descent"][-1].sum().isfinite()
assert tried["Adam, 0.5"][-1].sum() > tried["Adam, 0.5"][0].sum()
assert tried["Adam, 0.02"][-1].sum() < tried["Adam, 0.02"][0].sum() / 1.5

# %% [markdown]
# ### Weights that mean something else
# Each program has its own formulas. F are features and P the photograph's; G = F Fᵀ and A the painting's; C maps, M places,
# N pixels of the picture, n style layers. Sums and means are over all entries.
#
# | program | content loss | style loss of a layer | α, β at its defaults | content layer |
# | --- | --- | --- | --- | --- |
# | the paper | ½ Σ (F − P)² | Σ (G − A)² / (4 C² M²) / n | α/β from 10⁻⁴ to 10⁻² | conv4_2 |
# | the author's notebook | mean (F − P)² | mean (G/M − A/M)² / C² | 1, 1000 | conv4_2 |
# | jcjohnson/neural-style | mean (F − P)² | mean (G/CM − A/CM)² | 5, 100 | conv4_2 |
# | PyTorch's tutorial | mean (F − P)² | mean (G/CM − A/CM)² | 1, 10⁶ | conv2_2, before its ReLU |
# | Keras's example | Σ (F − P)² | Σ (G − A)² / (4 · 3² N²) / n | 2.5·10⁻⁸, 10⁻⁶ | conv5_2 |
# | TensorFlow's tutorial | mean (F − P)² | mean (G/M − A/M)² / n | 10⁴, 10⁻² | conv5_2 |
# | impasto | mean (F − P)² | mean (G/M − A/M)² / C² | 5, 1000 | conv4_2 |
#
# PyTorch's tutorial uses torchvision's weights, whose features have another scale, and the first five convolutions for style,
# all before their ReLU. This function turns α and β of each program into ours:


# %%
def our_weights(program, alpha, beta, content_shape, style_shapes, pixels):
    """Return α, and β for each style layer, of impasto for those of another program.

    A shape is (C, M), the maps and places of a layer; `pixels` is the number of pixels of the picture. The second
    number divided by `style_weight` is a weight of `style_layers`.
    """
    maps, places = content_shape
    content = {"paper": maps * places / 2, "keras": maps * places}.get(program, 1.0)
    count = len(style_shapes)
    factors = [
        {
            "paper": maps**2 / 4 / count,
            "keras": maps**4 * places**2 / (36 * pixels**2) / count,
            "tensorflow": maps**2 / count,
        }.get(program, 1.0)
        for maps, places in style_shapes
    ]
    return alpha * content, [beta * factor for factor in factors]


# %% [markdown]
# Each program's loss, written as in its code, and ours with the converted weights: equal.


# %%
from collections import namedtuple

Layer = namedtuple("Layer", "G A C M N n")


def mean(difference):
    return difference.square().mean()


def total(difference):
    return difference.square().sum()


PROGRAMS = {  # content loss of F - P; style loss of a layer; α, β
    "paper": (lambda d: total(d) / 2, lambda x: total(x.G - x.A) / (4 * x.C**2 * x.M**2) / x.n, 1e-3, 1),
    "notebook": (mean, lambda x: mean(x.G / x.M - x.A / x.M) / x.C**2, 1, 1000),
    "neural-style": (mean, lambda x: mean(x.G / (x.C * x.M) - x.A / (x.C * x.M)), 5, 100),
    "pytorch": (mean, lambda x: mean(x.G / (x.C * x.M) - x.A / (x.C * x.M)), 1, 1e6),
    "keras": (total, lambda x: total(x.G - x.A) / (4 * 3**2 * x.N**2) / x.n, 2.5e-8, 1e-6),
    "tensorflow": (mean, lambda x: mean(x.G / x.M - x.A / x.M) / x.n, 1e4, 1e-2),
}
scene = F.interpolate(painting[None], photo.shape[1:], mode="area")[0]  # these programs give both pictures one size
found, wanted = (vgg(image, ["conv4_2", *STYLE_LAYERS]) for image in (0.5 * photo + 0.5 * scene, scene))
shapes = [(len(found[layer]), found[layer][0].numel()) for layer in STYLE_LAYERS]
for program, (of_content, of_style, alpha, beta) in PROGRAMS.items():
    theirs = alpha * of_content(found["conv4_2"].double() - content.double())
    for layer, (maps, places) in zip(STYLE_LAYERS, shapes):
        g, a = (places * gram(each[layer].double()) for each in (found, wanted))
        theirs += beta * of_style(Layer(g, a, maps, places, photo[0].numel(), len(shapes)))
    ours, each = our_weights(program, alpha, beta, (len(content), content[0].numel()), shapes, photo[0].numel())
    mine = ours * content_loss(found["conv4_2"], content)
    mine += sum(weight * style_loss(found[layer], gram(wanted[layer])) for layer, weight in zip(STYLE_LAYERS, each))
    print(f"{program:13} loss {theirs:.6g}, with our weights {mine:.6g}")
    assert abs(mine / theirs - 1) < 1e-4

# %% [markdown]
# Two programs were run themselves, and impasto computed their objective on the same three pictures (`scripts/bench presets`):

# %%
BENCHMARKS = next(folder for folder in (Path("../benchmarks"), Path("benchmarks")) if folder.exists())
for each in json.loads((BENCHMARKS / "presets.json").read_text())["presets"]["rows"]:
    print(f"{each['preset']:19} printed {each['theirs']:.6g}, impasto {each['ours']:.6g}")
    assert each["difference"] < 1e-4

# %% [markdown]
# ## 5. The paper, and past it
# ### The printed weights
# The paper pools by averages, rescales each filter to a mean activation of 1, starts from noise, and prints sums. With α/β =
# 10⁻³ exactly as printed, the content wins: the picture becomes the photograph. The paper's own pictures need means, as in
# the author's notebook. (We start from gray: noise needs ten times the evaluations.)

# %%
from impasto.recipes import paper_figures

long_side = {"size": LONG_SIDE, "iterations": 2 * EVALUATIONS}
size = Picture(photo).resized(round(LONG_SIDE * photo.shape[2] / photo.shape[1]), LONG_SIDE)
as_printed, as_painted = (
    paper_figures.weighed(paper_figures.PAPER, 1e-3, "conv4_2", STYLE_LAYERS, printed)
    for printed in (paper_figures.Size(size.width, size.height), None)
)
paper = [
    painted(photo, painting, settings=each.replace(init="blank"), **long_side) for each in (as_printed, as_painted)
]
row(
    [photo, paper[0].picture, paper[1].picture],
    ["photograph", "α/β = 10⁻³ as printed", "content as a mean"],
    height=2.7,
)
shown = [(each.picture.pixels - size.pixels).abs().mean().item() for each in paper]
assert shown[0] < shown[1]

# %% [markdown]
# ### The author's trace
# The author's notebook shows its loss, at 512 pixels. impasto had the same pictures and the same objective. That takes too
# long here: these are the recorded numbers of `scripts/bench trace`.

# %%
trace = json.loads((BENCHMARKS / "trace.json").read_text())["trace"]["rows"]
figure, axis = plt.subplots(figsize=(7, 2.8), layout="constrained")
for key, label in (("published", "published by the author"), ("float32", "impasto")):
    axis.plot([each["evaluation"] for each in trace], [each[key] for each in trace], "o-", label=label)
axis.set(xlabel="evaluation", ylabel="loss", yscale="log")
axis.legend()
plt.show()
assert all(each["float32"] < each["published"] for each in trace)

# %% [markdown]
# ### Doors
# **A mask** says where the photograph stays ([control.md](../docs/control.md)):

# %%
high, wide = photo.shape[1:]
y, x = torch.meshgrid(torch.linspace(0, 1, high), torch.linspace(0, 1, wide), indexing="ij")
face = (1.5 - 4 * ((y - 0.36) ** 2 / 0.6 + (x - 0.52) ** 2 / 0.25).sqrt()).clamp(0, 1)
run = StyleTransfer(Settings(size=LONG_SIDE, iterations=EVALUATIONS), weights=network.weights).start(
    photo, painting, keep=face
)
for _ in run:
    pass
masked = run.result().picture

# %% [markdown]
# **Color**: the strokes of the painting, the colors of the photograph.

# %%
colored = painted(photo, painting, color="content-luminance").picture

# %% [markdown]
# **Two paintings**, with a weight each:

# %%
both = painted(photo, impasto.Style(Picture(painting), weight=1), impasto.Style(Picture(tiles), weight=1)).picture
row([face, masked, colored, both], ["mask", "the face stays", "its own colors", "two paintings"])
assert (both.pixels - colored.pixels).abs().mean() > 0.01

# %% [markdown]
# **A large picture** is painted in stages, from coarse to fine ([large-images.md](../docs/large-images.md)):

# %%
large = StyleTransfer(Settings(size=2 * SIZE, first_size=SIZE, iterations=EVALUATIONS), weights=network.weights).start(
    Picture.open(demo.photograph()), painting
)
print(large.plan)
for _ in large:
    pass
large.preview()

# %% [markdown]
# ## 6. Exercises
# Write your answers into the next cell, and run the cell that checks them.
#
# 1. A layer has 256 maps of 32 × 24. How many numbers has its Gram matrix?
# 2. The picture becomes twice as wide and as high, and you forget to divide the Gram matrix. By what factor does the style
#    loss grow, about?
# 3. You want the paper's α = 1 as printed, for `conv4_2` with 512 maps of 16 × 20. What is `content_weight`?
# 4. Write `mean_loss(features, target)`: a style loss that compares only the mean of each map.
# 5. Write `shifted(image)`: another picture (not a constant one) with the same Gram matrix of its *pixels*.

# %% tags=["answers"]
numbers = None
factor = None
paper_weight = None
mean_loss = None
shifted = None


# %% tags=["check"]
def check(answer, right):
    """Print whether an answer is right."""
    print("not answered yet" if answer is None else "right" if right(answer) else "not yet: try again")
    return answer is None or right(answer)


example = torch.rand(4, 6, 5)
checked = [
    check(numbers, lambda each: each == 256 * 256),
    check(factor, lambda each: each == 16),
    check(paper_weight, lambda each: each == 512 * 16 * 20 / 2),
    check(mean_loss, lambda each: torch.isclose(each(example, 0 * example), example.mean((1, 2)).square().mean())),
    check(
        shifted, lambda each: not each(photo).equal(photo) and torch.allclose(gram(each(photo)), gram(photo), rtol=1e-4)
    ),
]

# %% [markdown]
# <details><summary>Answers</summary>
#
# ```python
# numbers = 256 * 256  # one for each pair of maps, at any size
# factor = 16  # four times the places: each entry grows by 4, its square by 16
# paper_weight = 512 * 16 * 20 / 2  # half a sum is ½ C M times a mean
#
#
# def mean_loss(features, target):
#     return (features.mean((1, 2)) - target.mean((1, 2))).square().mean()
#
#
# def shifted(image):
#     return image.roll(7, dims=2)  # a permutation of the pixels
# ```
# </details>
#
# ## Glossary
# | word | meaning |
# | --- | --- |
# | **α, β** | the weights of content and style: `content_weight`, `style_weight` |
# | **canvas, target** | the picture that is painted; its pixels are what changes |
# | **content loss** | the mean squared difference of features at `conv4_2` |
# | **evaluation** | one computation of loss and gradient |
# | **feature map** | the output of one filter: H × W numbers; a layer has C of them, its features |
# | **Gram matrix** | F Fᵀ / M: how often two maps are active together, at any place |
# | **gradient** | the derivative of the loss by each pixel |
# | **layer** | a convolution after its ReLU, `conv4_2`, or a pooling, `pool4` |
# | **optimizer** | what turns gradients into steps: L-BFGS, Adam |
# | **stage** | the part of a run that paints at one size |
# | **style loss** | the mean squared difference of Gram matrices, over C², summed over five layers |
#
# ## Further reading
# - Gatys, Ecker, Bethge, *Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016: the method.
# - Simonyan, Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*, ICLR 2015: VGG-19.
# - Li et al., *Demystifying Neural Style Transfer*, IJCAI 2017: why a Gram matrix. Matching it matches distributions.
# - Gatys et al., *Controlling Perceptual Factors in Neural Style Transfer*, CVPR 2017: masks, color, scale.
# - impasto: [the method in short](../docs/method.md), [by hand](../docs/by-hand.md), [the library](../docs/library.md).
