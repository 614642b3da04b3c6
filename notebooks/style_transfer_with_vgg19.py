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
# **Style transfer** paints a photograph in the style of a painting. Gatys, Ecker and Bethge (CVPR 2016) found that a network
# for recognizing objects separates *what* a picture shows from *how* it is painted.
#
# You write it in 60 lines of torch, then call impasto, then look inside. You need Python, and to know what a convolution is.
# All runs offline.

# %%
import base64
import html
import json
import signal
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
# This cell only draws. Skip it.

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


def matrix(axis, values, title, boxes):
    """Draw a matrix in colors, with its values, and boxes (row, column, height, width) around some entries."""
    axis.imshow(np.asarray(values), cmap="YlGnBu")
    for (y, x), value in np.ndenumerate(np.asarray(values)):
        dark = value > 0.6 * float(values.max())
        axis.text(x, y, f"{value:.0f}", ha="center", va="center", fontsize=8, color="white" if dark else "black")
    for y, x, height, width in boxes:
        axis.add_patch(plt.Rectangle((x - 0.5, y - 0.5), width, height, fill=False, edgecolor="crimson", linewidth=2.5))
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
# To torch a picture is a tensor (3, H, W): red, green, blue, from 0 to 1.


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
# ### The network
# VGG-19 has five **blocks** of two or four **convolutions**, each followed by a ReLU; a **pooling** after each block halves
# width and height. `conv4_2` is the second convolution of the fourth block, after its ReLU. The network learned from pixels
# from 0 to 255 less the mean color, so we **normalize** ours.

# %% tags=["by-hand"]
weights = load_weights().tensors  # {"conv1_1": (weight, bias), …}
MEAN = torch.tensor([123.68, 116.779, 103.939]).reshape(3, 1, 1)  # red, green, blue


def vgg(image, layers):
    signal, features = (255 * image - MEAN)[None], {}
    for name, (weight, bias) in weights.items():
        if name.endswith("_1") and name != "conv1_1":
            signal = F.max_pool2d(signal, 2)
        signal = F.conv2d(signal, weight.to(signal), bias.to(signal), padding=1).relu()
        if name in layers:
            features[name] = signal[0]  # (C, H, W)
        if len(features) == len(layers):
            break
    return features


# %%
blocks = vgg(photo, ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"])
for name, features in blocks.items():
    print(name, *features.shape)
assert [len(features) for features in blocks.values()] == [64, 128, 256, 512, 512]
assert blocks["conv3_1"].shape[1] == photo.shape[1] // 4  # two poolings

# %% [markdown]
# A layer's output is its **features**: C **feature maps** of H × W numbers, large where a filter finds what it looks for.
#
# <details><summary>And torchvision?</summary>
#
# ```python
# from torchvision.models import VGG19_Weights, vgg19
#
# vgg = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features.eval()
# ```
#
# downloads 548 MB of other weights. impasto brings the original ones.
# </details>
#
# ### Content
# Pictures with the same features at `conv4_2` have the same **content**. The **content loss** is the mean squared difference.


# %% tags=["by-hand"]
def content_loss(features, target):
    return (features - target).square().mean()


# %%
content = vgg(photo, ["conv4_2"])["conv4_2"]
darker, mirrored = 0.9 * photo, photo.flip(2)
darker_loss, mirrored_loss = (
    content_loss(vgg(image, ["conv4_2"])["conv4_2"], content).item() for image in (darker, mirrored)
)
print(f"darker by a tenth: {darker_loss:.0f}, mirrored: {mirrored_loss:.0f}")
assert content_loss(content, content) == 0
assert darker_loss < mirrored_loss / 4  # content is where things are, not how bright they are

# %% [markdown]
# ### Style: the Gram matrix
# Say a picture of 4 × 4 pixels has 8 maps. Vectorize: each map becomes a row of 16 numbers, its first row the first four.
# The volume 8 × 4 × 4 is now a matrix F, 8 × 16. F times its transpose is the **Gram matrix**, 8 × 8. Row 4, column 2 is large
# if maps 4 and 2 are active at the same places.

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
# Why this matrix? It **forgets where**: shuffle the places, the same for all maps, and it stays.

# %%
order = torch.randperm(16)
assert (rows[:, order] @ rows[:, order].T).equal(products)

# %% [markdown]
# Divided by the number of places, it compares pictures of any sizes:


# %% tags=["by-hand"]
def gram(features):
    rows = features.flatten(1)  # (C, H·W)
    return rows @ rows.T / rows.shape[1]  # (C, C)


# %%
shuffled = painting.flatten(1)[:, torch.randperm(painting[0].numel())].reshape(painting.shape)


def gram_difference(image, reference, layer):
    grams = [gram(vgg(picture, [layer])[layer]) for picture in (image, reference)]
    return ((grams[0] - grams[1]).norm() / grams[1].norm()).item()


assert torch.allclose(gram(shuffled), gram(painting), rtol=1e-4)  # the colors alone: nothing has changed
row(
    [painting, shuffled],
    ["painting", f"pixels shuffled: conv1_1\nchanges by {gram_difference(shuffled, painting, 'conv1_1'):.0%}"],
    height=2.7,
)
assert gram_difference(shuffled, painting, "conv1_1") > 0.1  # a filter sees a pixel's neighbors

# %% [markdown]
# Shuffled pixels keep their Gram matrix, but not that of `conv1_1`, whose filters see 3 × 3 pixels. Those of `conv5_1` see
# 156 × 156. So a layer forgets where strokes are, not how they look, up to the size that its filters see. Style takes **five
# layers**, for small strokes and large ones.
#
# The **style loss** of a layer is the mean squared difference of Gram matrices, over C², as in the author's code.

# %% tags=["by-hand"]
STYLE_LAYERS = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]


def style_loss(features, target):
    return (gram(features) - target).square().mean() / len(target) ** 2


content = vgg(photo, ["conv4_2"])["conv4_2"]
styles = {layer: gram(features) for layer, features in vgg(painting, STYLE_LAYERS).items()}

# %% [markdown]
# ### The total loss
# The loss of the **target**, the picture that we paint, is α · content + β · style, with a much larger β. Only the ratio
# counts. Some say 1/10; it depends on the formulas. For ours, 20/1000 is good at this size.

# %% tags=["by-hand"]
ALPHA, BETA = 20, 1000


def losses(target):
    features = vgg(target, ["conv4_2", *STYLE_LAYERS])
    style = sum(style_loss(features[layer], styles[layer]) for layer in STYLE_LAYERS)
    return ALPHA * content_loss(features["conv4_2"], content), BETA * style


# %% [markdown]
# **Backpropagation** derives the loss by each pixel. Only the target changes, never the network.

# %%
target = photo.clone().requires_grad_()
content_term, style_term = losses(target)
(content_term + style_term).backward()
assert content_term == 0 and style_term > 0  # a copy has the content already
assert target.grad.shape == photo.shape
assert not any(tensor.requires_grad for pair in weights.values() for tensor in pair)

step = 1e-3 * target.grad / target.grad.norm()
with torch.no_grad():
    assert sum(losses(target - step)) < sum(losses(target))  # against the gradient the loss falls

# %% [markdown]
# ### Painting
# An **optimizer** turns gradients into steps: Adam, then L-BFGS, which learns the curvature. We start from a copy of the
# photograph.


# %% tags=["by-hand"]
def paint(target, optimizer, evaluations):
    history, pictures = [], []

    def evaluate():
        optimizer.zero_grad()
        content_term, style_term = losses(target)
        (content_term + style_term).backward()
        history.append([content_term.item(), style_term.item()])
        pictures.append(target.detach().clone())
        return content_term + style_term

    while len(history) < evaluations:
        optimizer.step(evaluate)
    return torch.tensor(history[:evaluations]), pictures


target = photo.clone().requires_grad_()
adam_history, adam_pictures = paint(target, torch.optim.Adam([target], lr=0.02), EVALUATIONS)
branch = target.detach().clone().requires_grad_()
lbfgs_history, lbfgs_pictures = paint(target, torch.optim.LBFGS([target], max_iter=5), EVALUATIONS)

# %% [markdown]
# That is the method. To compare, Adam continues from where L-BFGS began.

# %%
branch_history, _ = paint(branch, torch.optim.Adam([branch], lr=0.02), EVALUATIONS)

figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
evaluations = np.arange(2 * EVALUATIONS) + 1
for column, term in enumerate(("content", "style")):
    axis.plot(evaluations[:EVALUATIONS], adam_history[:, column], f"C{column}-", label=f"{term}: Adam")
    axis.plot(evaluations[EVALUATIONS:], branch_history[:, column], f"C{column}:")
    axis.plot(
        evaluations[EVALUATIONS:], lbfgs_history[:, column], f"C{column}-", linewidth=3, label=f"{term}: then L-BFGS"
    )
axis.axvline(EVALUATIONS + 0.5, color="gray", linewidth=0.8)
axis.set(yscale="log", xlabel="evaluation", ylabel="loss, with its weight", title="dotted: Adam goes on")
axis.set_ylim(bottom=float(lbfgs_history.min()) / 3)
axis.legend()
plt.show()
assert adam_history[-1, 1] < adam_history[0, 1] / 2
assert lbfgs_history[-1].sum() < branch_history[-1].sum()  # L-BFGS gets further in as many evaluations

# %%
pictures = adam_pictures + lbfgs_pictures
steps = [0, EVALUATIONS // 8, EVALUATIONS // 2, EVALUATIONS, 2 * EVALUATIONS - 1]
row([pictures[k] for k in steps], [f"evaluation {k + 1}" for k in steps], height=2.6)
by_hand = lbfgs_pictures[-1]

# %% [markdown]
# The content loss rises: the copy has all of the content, and gives some up for style.
#
# ## 2. The same with impasto
# Losses and gradients are equal to 1e-5.

# %%
import impasto
from impasto import VGG19, Settings, StyleTransfer, stylize

network = VGG19()
exact = network.to("cpu", torch.float64)  # in single precision a pooling may take another of two nearly equal inputs
target = (0.5 * photo + 0.25).double().requires_grad_()
loss = sum(losses(target))
loss.backward()

copy = target.detach().clone().requires_grad_()
features = exact(copy, ["conv4_2", *STYLE_LAYERS])
grams = {layer: impasto.gram(maps) for layer, maps in network(painting, STYLE_LAYERS).items()}
impasto_loss = ALPHA * impasto.content_loss(features["conv4_2"], network(photo, "conv4_2"))
impasto_loss = impasto_loss + BETA * sum(impasto.style_loss(features[layer], grams[layer]) for layer in STYLE_LAYERS)
impasto_loss.backward()

difference = ((copy.grad - target.grad).norm() / target.grad.norm()).item()
print(f"losses: {loss:.8g} and {impasto_loss:.8g}; the gradients differ by {difference:.0e} of their length")
assert torch.isclose(loss, impasto_loss, rtol=1e-5)
assert difference < 1e-5

# %% [markdown]
# One call paints. Impasto finds faces and holds them more firmly; with a focus weight of 1 the objective is ours.

# %%
options = {"size": photo.shape[1], "content_weight": ALPHA, "focus_weight": 1, "padding": "zeros", "first_size": 0}
result = stylize(photo, painting, iterations=2 * EVALUATIONS, progress=True, **options)

# %%
print(result)
print(result.history[-1])
result.plot()


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
# The stop button pauses your own loop, and the next loop continues. A stopped `stylize` returns the picture so far;
# `for report in result.run` continues.


# %%
def stop(report):
    if report.evaluation == 2:
        signal.raise_signal(signal.SIGINT)  # as the stop button does


stopped = stylize(photo, painting, size=64, first_size=0, iterations=4, progress=stop)
print(stopped)
for report in stopped.run:
    print(report)
assert len(stopped.history) == 2
assert report.evaluation == 4

# %% [markdown]
# From here on we paint with this function:

# %%
LONG_SIDE = round(0.75 * SIZE * photo.shape[1] / photo.shape[2])


def paint_small(content, *styles, settings=None, **options):
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
# The most active map of each layer:

# %%
strongest = [features[features.mean((1, 2)).argmax()] for features in blocks.values()]
row([photo, *strongest], ["photograph", *blocks])
assert [channel.shape[1] for channel in strongest] == [SIZE // 2**k for k in range(5)]

# %% [markdown]
# ### Gram matrices of two paintings
# Halves of one painting are alike, two paintings are not.

# %%
second_painting = mosaic(painting.shape[2], painting.shape[1])
middle = painting.shape[2] // 2
left, right, second = (
    {layer: gram(features) for layer, features in vgg(image, STYLE_LAYERS).items()}
    for image in (painting[..., :middle], painting[..., middle:], second_painting)
)
differences = {
    layer: [(grams[layer] - left[layer]).norm().item() / left[layer].norm().item() for grams in (right, second)]
    for layer in STYLE_LAYERS
}

order = styles["conv2_1"].diag().argsort(descending=True)[:24]  # the 24 most active maps
matrices = [(grams["conv2_1"][order][:, order]).sqrt() for grams in (styles, second)]
row(
    [painting, matrices[0], second_painting, matrices[1]],
    ["painting", "its Gram matrix, conv2_1", "a mosaic", "its Gram matrix, conv2_1"],
)
for layer, (halves, paintings) in differences.items():
    print(f"{layer}: two halves differ by {halves:.0%}, two paintings by {paintings:.0%}")
assert all(
    halves < paintings for halves, paintings in list(differences.values())[:4]
)  # conv5_1 has few places in a half

# %% [markdown]
# ### What a layer knows (figure 1)
# From gray, we seek the photograph's features *at one layer*. What it forgot does not come back.

# %%
from impasto.settings.presets import preset

layers = [f"conv{block}_2" for block in range(1, 6)]
reconstructions = [
    paint_small(
        Picture(photo),
        settings=preset("reconstruction").replace(init="blank"),
        content_layers=layer,
        iterations=2 * EVALUATIONS,
    ).picture
    for layer in layers
]
errors = [
    (picture.pixels - Picture(photo).resized(picture.width, picture.height).pixels).abs().mean().item()
    for picture in reconstructions
]
row([photo, *reconstructions], ["photograph", *(f"{layer}\nerror {error:.3f}" for layer, error in zip(layers, errors))])
assert errors[0] < errors[3] < errors[4]  # deep layers retain forms, not pixels

# %% [markdown]
# Now style alone, from one layer, two, … five:

# %%
blank = Picture(torch.full((3, 3 * SIZE // 4, SIZE), 0.5))
textures = [
    paint_small(
        blank,
        painting,
        settings=preset("texture").replace(tv_weight=0),
        size=SIZE,
        style_layers=",".join(STYLE_LAYERS[:count]),
    ).picture
    for count in range(1, 6)
]
row([painting, *textures], ["painting", "conv1_1", *(f"… {layer}" for layer in STYLE_LAYERS[1:])], height=1.9)

# %% [markdown]
# ### Blank, noise or a copy
# One loss, three starts.

# %%
starts = {init: paint_small(photo, painting, init=init) for init in ("blank", "noise", "content")}
row(
    [start.picture for start in starts.values()],
    [f"{init}\nloss {start.history[-1].loss:.2g}" for init, start in starts.items()],
    height=2.7,
)
assert starts["content"].history[-1].loss < min(starts[init].history[-1].loss for init in ("blank", "noise"))

# %% [markdown]
# ### α/β (figure 4)
# From gray, so that the photograph comes from its loss alone.

# %% tags=["long-run"]
ratios = [0.001, 0.01, 0.1, 1, 10]
results = [paint_small(photo, painting, init="blank", content_weight=1000 * ratio) for ratio in ratios]
terms = np.array(
    [
        [result.history[-1].terms["content"] / result.settings.content_weight, result.history[-1].terms["style"]]
        for result in results
    ]
)
row([result.picture for result in results], [f"α/β = {ratio:g}" for ratio in ratios], height=2.6)
assert (np.diff(terms[:, 0]) < 0).all()  # more α, less content loss …
assert terms[-1, 1] > terms[0, 1]  # … and more style loss

# %% [markdown]
# Slide:

# %%
sources = json.dumps(
    ["data:image/jpeg;base64," + base64.b64encode(result.picture.jpeg(quality=85)).decode() for result in results]
)
script = html.escape(f"const all = {sources}; this.nextElementSibling.src = all[this.value]")
display(
    HTML(f"""<div>the painting's style ← α/β → the photograph's content<br>
<input type="range" min="0" max="4" value="2" style="width: 240px" aria-label="α/β" oninput="{script}">
<img src="{json.loads(sources)[2]}" alt="the picture at this α/β" width="240" style="display: block"></div>""")
)

# %% [markdown]
# ### The size of strokes
# `style_scale` resizes the painting first.

# %%
scales = [0.5, 1, 2]
row(
    [paint_small(photo, painting, style_scale=scale, content_weight=2).picture for scale in scales],
    [f"strokes × {scale:g}" for scale in scales],
    height=2.7,
)

# %% [markdown]
# ## 4. Where people get stuck
#
# ### The order of the channels
# OpenCV loads blue first: wrong colors, wrong features.


# %%
def feature_difference(image):
    """Return the relative difference of an image's features at conv4_2 from those of the photograph."""
    features = vgg(image, ["conv4_2"])["conv4_2"]
    return ((features - content).norm() / content.norm()).item()


swapped = paint_small(photo, painting.flip(0), content_weight=1).picture
repaired = paint_small(photo, painting, content_weight=1).picture
row([painting.flip(0), swapped, painting, repaired], ["painting in BGR", "stuck", "painting in RGB", "repaired"])
print(f"the features of the photograph in BGR are {feature_difference(photo.flip(0)):.0%} apart")
assert feature_difference(photo.flip(0)) > 0.2

# %% [markdown]
# ### The range
# On 0 … 1 in place of 0 … 255 less a mean, features are small and wrong.

# %%
unscaled = vgg((photo + MEAN) / 255, ["conv4_2"])["conv4_2"]  # undoes what vgg does: the network gets 0 … 1
similarity = F.cosine_similarity(unscaled.flatten(), content.flatten(), dim=0).item()
print(f"mean feature {content.mean():.1f}; stuck: {unscaled.mean():.1f}, and {similarity:.0%} like the right features")
assert unscaled.mean() < content.mean() / 50 and similarity < 0.9  # smaller, and not the same pattern
assert feature_difference(photo) < 1e-6  # repaired: 255 * image - MEAN

# %% [markdown]
# impasto refuses a wrong range:

# %%
try:
    network(255 * photo, "conv4_2")
except impasto.InputError as error:
    print(error)

# %% [markdown]
# ### The wrong layer
# torchvision counts all modules from 0; the paper counts the convolutions of a block from 1.

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

preactivations = F.conv2d(vgg(photo, ["conv4_1"])["conv4_1"][None], *weights["conv4_2"], padding=1)[0]
assert torch.allclose(preactivations.relu(), content, rtol=1e-4, atol=1e-2)  # repaired: take the ReLU's output
print(f"before the ReLU {(preactivations < 0).float().mean():.0%} of the numbers are below 0; after it none")
assert (preactivations < 0).float().mean() > 0.5 and (content >= 0).all()

# %% [markdown]
# ### A Gram matrix that is not divided
# For M places a loss is M² times as large. Shallow layers outweigh deep ones, and no weights fit two sizes.

# %%
features = vgg(photo, STYLE_LAYERS)
divided = torch.stack([style_loss(features[layer], styles[layer]) for layer in STYLE_LAYERS])
places = torch.tensor([features[layer][0].numel() for layer in STYLE_LAYERS])
undivided = divided * places.double() ** 2
fractions = {"stuck: F Fᵀ": undivided / undivided.sum(), "repaired: F Fᵀ / M": divided / divided.sum()}
plt.figure(figsize=(7, 2.8), layout="constrained")
for shift, (label, values) in zip((-0.2, 0.2), fractions.items()):
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
# An optimizer goes beyond black and white; a file clips:


# %%
def loss_of_run(picture):
    """Return the loss of a picture as the optimizer has it."""
    with torch.no_grad():
        return sum(losses(picture)).item()


outside = ((by_hand < 0) | (by_hand > 1)).float().mean()
print(
    f"by hand: {outside:.1%} of the values are outside 0 … 1; run {loss_of_run(by_hand):.3g}, file {loss_of_file(by_hand):.3g}"
)
pixels = result.picture.pixels
print(f"impasto: run {loss_of_run(pixels):.3g}, file {loss_of_file(pixels):.3g}")
assert loss_of_file(by_hand) > 1.5 * loss_of_run(by_hand)
assert loss_of_file(pixels) < 1.01 * loss_of_run(pixels)

# %% [markdown]
# So impasto has a penalty (`range_weight`). By hand: `(target - target.clamp(0, 1)).square().mean()`, with a weight.
#
# ### A step that is too large
# A plain gradient step ends in NaN. Adam's is about its learning rate: 0.02 is five gray levels.

# %%
histories = {}
plt.figure(figsize=(7, 2.8), layout="constrained")
for name, lr in (("plain gradient descent", 1e-4), ("Adam, 0.5", 0.5), ("Adam, 0.02", 0.02)):
    target = photo.clone().requires_grad_()
    optimizer = (torch.optim.Adam if "Adam" in name else torch.optim.SGD)([target], lr=lr)
    histories[name], _ = paint(target, optimizer, 14)
    plt.plot(range(1, 15), histories[name].sum(1), "o-", label=name)
plt.yscale("log")
plt.ylim(float(histories["Adam, 0.02"].sum(1).min()) / 2, 100 * float(histories["Adam, 0.5"].sum(1).max()))
plt.xlabel("evaluation")
plt.ylabel("loss")
plt.legend()
plt.show()
print("plain gradient descent ends at", histories["plain gradient descent"][-1].sum().item())
assert not histories["plain gradient descent"][-1].sum().isfinite()
assert histories["Adam, 0.5"][-1].sum() > histories["Adam, 0.5"][0].sum()
assert histories["Adam, 0.02"][-1].sum() < histories["Adam, 0.02"][0].sum() / 1.5

# %% [markdown]
# ### Weights that mean something else
# F are features, P the photograph's; G = F Fᵀ, A the painting's; C maps, M places, N pixels, n style layers.
#
# | program | content loss, style loss of a layer | α, β; content layer |
# | --- | --- | --- |
# | the paper | ½ Σ (F − P)² <br> Σ (G − A)² / (4 C² M²) / n | α/β 10⁻⁴ to 10⁻² <br> conv4_2 |
# | the author's notebook | mean (F − P)² <br> mean (G/M − A/M)² / C² | 1, 1000 <br> conv4_2 |
# | jcjohnson's neural-style | mean (F − P)² <br> mean (G/CM − A/CM)² | 5, 100 <br> conv4_2 |
# | PyTorch's tutorial | mean (F − P)² <br> mean (G/CM − A/CM)² | 1, 10⁶ <br> conv2_2, no ReLU |
# | Keras's example | Σ (F − P)² <br> Σ (G − A)² / (4 · 3² N²) / n | 2.5·10⁻⁸, 10⁻⁶ <br> conv5_2 |
# | TensorFlow's tutorial | mean (F − P)² <br> mean (G/M − A/M)² / n | 10⁴, 10⁻² <br> conv5_2 |
# | impasto | mean (F − P)² <br> mean (G/M − A/M)² / C² | 5, 1000 <br> conv4_2 |
#
# `our_weights` makes their α and β ours. Then their loss, as in their code, is ours:

# %%
from collections import namedtuple

from impasto.settings.other_programs import our_weights

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
features, style_features = (vgg(image, ["conv4_2", *STYLE_LAYERS]) for image in (0.5 * photo + 0.5 * scene, scene))
shapes = [(len(features[layer]), features[layer][0].numel()) for layer in STYLE_LAYERS]
content_shape = len(content), content[0].numel()
for program, (content_formula, style_formula, alpha, beta) in PROGRAMS.items():
    theirs = alpha * content_formula(features["conv4_2"].double() - content.double())
    for layer, (maps, places) in zip(STYLE_LAYERS, shapes):
        g, a = (places * gram(each[layer].double()) for each in (features, style_features))
        theirs += beta * style_formula(Layer(g, a, maps, places, photo[0].numel(), len(shapes)))
    our_alpha, our_betas = our_weights(
        program, alpha, beta, content=content_shape, styles=shapes, pixels=photo[0].numel()
    )
    ours = our_alpha * content_loss(features["conv4_2"], content)
    for layer, our_beta in zip(STYLE_LAYERS, our_betas):
        ours += our_beta * style_loss(features[layer], gram(style_features[layer]))
    print(f"{program:13}{theirs:.6g}, ours {ours:.6g}")
    assert abs(ours / theirs - 1) < 1e-4

# %% [markdown]
# The loss that five programs print themselves, and ours with `our_weights` (`scripts/bench conventions`):

# %%
BENCHMARKS = next(folder for folder in (Path("../benchmarks"), Path("benchmarks")) if folder.exists())
for comparison in json.loads((BENCHMARKS / "conventions.json").read_text())["conventions"]["rows"]:
    print(f"{comparison['peer']}, α {comparison['alpha']:g}, β {comparison['beta']:g}")
    print(f"    {comparison['theirs']:.6g}, ours {comparison['ours']:.6g}")
    assert comparison["difference"] < 1e-4

# %% [markdown]
# ## 5. The paper, and past it
# ### The printed weights
# With the paper's network, its sums and α/β = 10⁻³ as printed, the picture becomes the photograph. The pictures that it
# shows need means, as in the author's code.

# %%
from impasto.recipes import paper_figures

long_side = {"size": LONG_SIDE, "iterations": 2 * EVALUATIONS}
small_photo = Picture(photo).resized(round(LONG_SIDE * photo.shape[2] / photo.shape[1]), LONG_SIDE)
as_printed, as_painted = (
    paper_figures.with_paper_weights(paper_figures.PAPER, 1e-3, "conv4_2", STYLE_LAYERS, size)
    for size in (paper_figures.Size(small_photo.width, small_photo.height), None)
)
paper_pictures = [  # from gray: the paper's noise needs ten times the evaluations
    paint_small(photo, painting, settings=settings.replace(init="blank"), **long_side).picture
    for settings in (as_printed, as_painted)
]
row(
    [photo, *paper_pictures],
    ["photograph", "α/β = 10⁻³ as printed", "content as a mean"],
    height=2.7,
)
changes = [(picture.pixels - small_photo.pixels).abs().mean().item() for picture in paper_pictures]
assert changes[0] < changes[1]

# %% [markdown]
# ### The author's trace
# The loss that the author's notebook printed, and ours of the same pictures (`scripts/bench trace`):

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
# **A mask** of what stays ([control.md](../docs/control.md)):

# %%
height, width = photo.shape[1:]
y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
face = (1.5 - 4 * ((y - 0.36) ** 2 / 0.6 + (x - 0.52) ** 2 / 0.25).sqrt()).clamp(0, 1)
run = StyleTransfer(Settings(size=LONG_SIDE, iterations=EVALUATIONS), weights=network.weights).start(
    photo, painting, keep=face
)
for _ in run:
    pass
masked = run.result().picture

# %% [markdown]
# **Color** of the photograph, strokes of the painting:

# %%
colored = paint_small(photo, painting, color="content-luminance").picture

# %% [markdown]
# **Two paintings**, weighted:

# %%
both = paint_small(
    photo, impasto.Style(Picture(painting), weight=1), impasto.Style(Picture(second_painting), weight=1)
).picture
row([face, masked, colored, both], ["mask", "the face stays", "its own colors", "two paintings"])
assert (both.pixels - colored.pixels).abs().mean() > 0.01

# %% [markdown]
# **A large picture** grows in stages ([large-images.md](../docs/large-images.md)):

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
# Answer in the next cell; the one after it checks.
#
# 1. A layer has 256 maps of 32 × 24. How many entries has its Gram matrix?
# 2. You forget to divide, and paint at twice the size. How many times larger is the style loss, about?
# 3. The paper prints α = 1. For `conv4_2` with 512 maps of 16 × 20, what is `content_weight`?
# 4. Write `mean_loss(features, target)`: a style loss of the mean of each map.
# 5. Write `shifted(image)`: another picture whose *pixels* have the same Gram matrix.

# %% tags=["answers"]
entries = None
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
checks = [
    check(entries, lambda each: each == 256 * 256),
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
# entries = 256 * 256  # at any size
# factor = 16  # each entry grows by 4, its square by 16
# paper_weight = 512 * 16 * 20 / 2  # half a sum is ½ C M times a mean
#
#
# def mean_loss(features, target):
#     return (features.mean((1, 2)) - target.mean((1, 2))).square().mean()
#
#
# def shifted(image):
#     return image.roll(7, dims=2)  # permutes the pixels
# ```
# </details>
#
# ## Glossary
# | word | meaning |
# | --- | --- |
# | **α, β** | `content_weight`, `style_weight` |
# | **canvas, target** | the picture that is painted |
# | **content loss** | mean squared difference of features |
# | **evaluation** | one computation of loss and gradient |
# | **features** | a layer's C feature maps of H × W numbers |
# | **Gram matrix** | F Fᵀ / M: which maps are active together |
# | **gradient** | the derivative of the loss by each pixel |
# | **layer** | `conv4_2`, a convolution after its ReLU, or `pool4` |
# | **stage** | the part of a run at one size |
# | **style loss** | mean squared difference of Gram matrices, over C² |
#
# ## Further reading
# - The method: Gatys, Ecker, Bethge, *Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016.
# - Why a Gram matrix: Li et al., *Demystifying Neural Style Transfer*, IJCAI 2017.
# - Masks, color, scale: Gatys et al., *Controlling Perceptual Factors in Neural Style Transfer*, CVPR 2017.
# - impasto: [the method](../docs/method.md), [by hand](../docs/by-hand.md), [the library](../docs/library.md).
