"""What newcomers try: each wrong call of a public name is answered by one sentence of the tree of errors."""

import numpy as np
import pytest
import torch

import impasto
from impasto import ImpastoError
from impasto.reports.metrics import measure

CALLS = """
stylize(None, P) -> PictureError: a picture cannot be made of NoneType; give a path, the bytes of an image file
stylize('missing.jpg', 'a.jpg') -> PictureError: missing.jpg cannot be read: no such file or directory; give a
stylize(P) -> InputError: there is no style image with a weight above 0; give at least one
stylize(P, style=P) -> InputError: there is no option style; give the paintings after the photograph: stylize(
stylize(P, styles=[P]) -> InputError: there is no option styles; give the paintings after the photograph
stylize(P, P, size='big') -> SettingsError: size cannot be big; it takes a whole number, at least 32.
stylize(P, P, sise=64) -> SettingsError: there is no option sise; size is the nearest.
stylize(P, P, alpha=1) -> SettingsError: there is no option alpha; impasto calls it content_weight.
stylize(P, P, Settings(size=64)) -> SettingsError: Settings is no painting; give it by name: settings=Settings(
stylize(P, P, settings={'size': 64}) -> SettingsError: settings cannot be {'size': 64}; give Settings(size=…).
stylize(P, P, settings=512) -> SettingsError: settings cannot be 512; give Settings(size=…).
stylize(P, P, runtime='cpu') -> SettingsError: runtime cannot be 'cpu'; give Runtime(device=…).
stylize(P, P, progress=3) -> InputError: progress cannot be 3; it takes True, False or a function of a Progress.
Settings(512) -> SettingsError: 512 has no name; give each option by its name, such as size=512.
Settings(size=None) -> SettingsError: size cannot be None; it takes a whole number, at least 32.
Settings(size=[512]) -> SettingsError: size cannot be [512]; it takes a whole number
Settings(style_layers='relu1_1') -> SettingsError: style_layers cannot be relu1_1; it takes VGG-19 layers from
Settings(content_weight='strong') -> SettingsError: content_weight cannot be strong; it takes a number
Settings().replace(beta=1) -> SettingsError: there is no option beta; impasto calls it style_weight.
Settings.from_json(None) -> SettingsError: the settings cannot be read of None; give a text or bytes of JSON.
Runtime(device=0) -> SettingsError: device cannot be 0; it takes auto, cpu, cuda
StyleTransfer('photo.jpg', 'a.jpg') -> SettingsError: settings cannot be 'photo.jpg'; give Settings(size=…).
StyleTransfer(Runtime()) -> SettingsError: settings cannot be Runtime; give Settings(size=…).
StyleTransfer(weights=3) -> WeightsError: weights cannot be 3; give codebook, torchvision or the path of a .pth
StyleTransfer(weights=W, extra_losses=3) -> LossError: 3 is no loss; give an object of a class made from
StyleTransfer(weights=W, extra_losses=ContentLoss('conv4_2')) -> LossError: ContentLoss cannot have the term
T.start(P, None) -> PictureError: a picture cannot be made of NoneType
T.start(P) -> InputError: there is no style image
T.plan(P, 3) -> PictureError: a picture cannot be made of int
T.start(P, P, keep='missing.png') -> PictureError: missing.png cannot be read
T.start(P, P, initial=3) -> PictureError: a picture cannot be made of int
T.start(P, P, checkpoint=3) -> InputError: 3 is not the path of a file; give a text or a pathlib.Path.
T.start(P, P, checkpoint='missing/a') -> InputError: the folder missing does not exist; make it first
T.start(P, P).change(settings=3) -> SettingsError: settings cannot be 3; give Settings(size=…).
T.start(P, P).change(alpha=3) -> SettingsError: there is no option alpha; impasto calls it content_weight.
T.start(P, P).change(styles=3) -> PictureError: a picture cannot be made of int
T.start(P, P).save('a.txt') -> InputError: a.txt ends in .txt, and impasto writes .png, .jpg
[T.start(P, P).save('a.png') for _ in range(2)] -> InputError: a.png exists already; choose another name, or
T.start(P, P).result().picture.save(None) -> InputError: a picture cannot be saved in None; give a path or an
Style('x', weight='a') -> PictureError: x cannot be read: no such file or directory
Style(P, weight='a') -> InputError: a style's weight cannot be a; it takes a number, at least 0.
Style(P, scale=None) -> InputError: a style's scale cannot be None; it takes a number, above 0.
Mask(np.ones((4, 4))) -> PictureError: the mask cannot be of type ndarray; give a torch tensor (H, W), or use
Mask.of(None) -> PictureError: a picture cannot be made of NoneType
Picture.open('.') -> PictureError: . is a folder; give a PNG, JPEG
Picture.of([1, 2, 3]) -> PictureError: a picture cannot be made of list
P.resized('big', 3) -> PictureError: a picture cannot be resized to big × 3; give whole numbers of pixels.
P.resized(64, 0) -> PictureError: a picture cannot be resized to 64 × 0; give whole numbers of pixels.
P.in_profile('srgb') -> PictureError: the profile is not one that a picture can be painted in
VGG19(3) -> WeightsError: weights cannot be 3; give codebook, torchvision or the path of a .pth or .safetensors
VGG19(W).to('gpu') -> InputError: there is no device gpu; give cpu, cuda, cuda:1 or mps, where they are.
VGG19(W).to('cpu', torch.int8) -> InputError: the network cannot compute in torch.int8; give a floating-point
VGG19(W).to('cpu', 'float32') -> InputError: the network cannot compute in float32; give a floating-point
load_weights('nowhere.pth') -> WeightsError: there is no weights file nowhere.pth; give codebook
Picture.of(torch.zeros(3, 40, 40).to_sparse()) -> PictureError: the tensor is sparse; give a dense tensor
Picture.of(torch.zeros(3, 40, 40, device='meta')) -> PictureError: the tensor has a shape, but no values; give
gram(P) -> InputError: features cannot be of type Picture; give a floating-point tensor (C, H, W)
gram(torch.rand(3, 3)) -> InputError: features cannot be torch.float32 of shape (3, 3); give
Job('photo.jpg') -> SettingsError: 'photo.jpg' has no name; give each option by its name, such as content=
Session('job') -> InputError: a session cannot carry out 'job'; give a Job.
Session(Job(content='photo.jpg', styles=[{'picture': 'a.jpg'}])).result() -> InputError: the job has not started
list(paint_many('x')) -> InputError: the jobs cannot be 'x'; give a list of Job, or a generator of them.
list(paint_many(3)) -> InputError: the jobs cannot be 3; give a list of Job
list(paint_many(Job())) -> InputError: the jobs cannot be Job()
list(paint_many([], workers='two')) -> InputError: workers cannot be 'two'; it takes a whole number, at least 1
measure('missing.jpg', P, P) -> PictureError: missing.jpg cannot be read: no such file or directory; give a
measure(P, 'missing.jpg', P) -> PictureError: missing.jpg cannot be read
measure(P, P, 3) -> PictureError: a picture cannot be made of int
measure(P, [P, P], P) -> InputError: a picture is measured with one painting, and not with 2; give one.
measure(P, P, P, 3) -> SettingsError: settings cannot be 3; give Settings(size=…).
measure(P, P, P, runtime='cpu') -> SettingsError: runtime cannot be 'cpu'; give Runtime(device=…).
measure(P, P, P, keep=3) -> PictureError: a picture cannot be made of int
measure(P, P, P, weights=3) -> WeightsError: weights cannot be 3; give codebook
plot_losses(3) -> InputError: 3 has no losses to plot; give a run, its result, or its history.
plot_losses([1, 2]) -> InputError: [1, 2] has no losses to plot
plot_losses(T.start(P, P), 3) -> InputError: 3 is not the path of a file; give a text or a pathlib.Path.
plot_losses(T.start(P, P), 'a.jpg') -> InputError: a plot cannot be saved as a.jpg; its name must end in .png
"""
"""Calls, each with the class of the error and how its sentence begins; P is a picture, T a transfer, W weights."""


@pytest.mark.parametrize("row", CALLS.strip().splitlines())
def test_a_wrong_call_is_answered_in_a_sentence(row, transfer, picture, weights, tmp_path, monkeypatch):
    call, _, message = row.partition(" -> ")
    monkeypatch.chdir(tmp_path)
    names = {"measure": measure, **{name: getattr(impasto, name) for name in impasto.__all__}}
    with pytest.raises(ImpastoError) as caught:
        eval(call, {**names, "P": picture(), "T": transfer(), "W": weights, "np": np, "torch": torch})
    assert f"{type(caught.value).__name__}: {caught.value}".startswith(message)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
