from pathlib import Path

import pytest

from impasto.errors import SettingsError
from impasto.jobs.job import Job, StyleSource
from impasto.settings import Runtime, Settings, preset
from impasto.web.order import Order

IDS = [f"{number:024}.png" for number in range(7)]
PHOTO, PAINTING, START, KEEP, FOCUS, REGION, PART = IDS
ORDER = {
    "content": PHOTO,
    "styles": [{"picture": PAINTING, "weight": 2, "scale": 0.5, "mask": PART, "region": f"{REGION}#00ff00", "color": "content-match"}],
    "initial": START,
    "keep": KEEP,
    "focus": FOCUS,
    "format": "tif",
    "preset": "strong",
    "settings": {"size": 640},
    "runtime": {"threads": 2},
}  # fmt: skip


def test_an_order_becomes_a_job_whose_files_are_all_in_its_folder():
    folder = Path("/studio/jobs/one")
    style = StyleSource(
        picture=folder / "inputs" / PAINTING,
        weight=2,
        scale=0.5,
        mask=str(folder / "inputs" / PART),
        region=f"{folder / 'inputs' / REGION}#00ff00",
        color="content-match",
    )
    assert Order(**ORDER).job(folder, "cuda:1") == Job(
        content=folder / "inputs" / PHOTO,
        styles=(style,),
        initial=folder / "inputs" / START,
        keep=str(folder / "inputs" / KEEP),
        focus=str(folder / "inputs" / FOCUS),
        settings=preset("strong").replace(size=640),
        runtime=Runtime(device="cuda:1", threads=2, checkpoint_every=5),
        output=folder / "result.tif",
        checkpoint=folder / "run.checkpoint",
        overwrite=True,
    )


def test_masks_of_an_order_may_be_faces_which_are_no_uploads():
    styles = [{"picture": PAINTING, "region": "faces", "mask": "faces"}]
    order = Order(content=PHOTO, styles=styles, keep="faces", focus="faces")
    assert order.uploads == [PHOTO, PAINTING]
    job = order.job(Path("/studio/jobs/one"))
    assert (job.keep, job.focus, job.styles[0].region, job.styles[0].mask) == ("faces",) * 4


def test_an_order_lists_each_of_its_uploads_once_and_survives_json():
    order = Order(**{**ORDER, "initial": PHOTO})
    assert sorted(order.uploads) == sorted({*IDS} - {START})
    assert Order(**order.json_fields) == order


def test_a_change_merges_settings_and_null_sets_one_back():
    order = Order(**ORDER).changed({"settings": {"content_weight": 9, "size": None}, "preset": "default"})
    assert order.all_settings == Settings(content_weight=9)
    assert order.content == PHOTO
    with pytest.raises(SettingsError, match="content_weight cannot be -1"):
        order.changed({"settings": {"content_weight": -1}})
