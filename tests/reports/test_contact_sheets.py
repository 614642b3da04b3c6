import pytest
import torch

from impasto import Picture
from impasto.planning.plan import Size
from impasto.reports.contact_sheets import Block, draw, measure


def noise(width=24, height=16, seed=0):
    return Picture(torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed)))


def corners(sheet, picture):
    """List where a picture stands on a sheet, pixel by pixel: (left, top)."""
    pixels = picture.pixels
    starts = (sheet.pixels[0] == pixels[0, 0, 0]).nonzero().tolist()
    return [
        (left, top)
        for top, left in starts
        if torch.equal(sheet.pixels[:, top : top + picture.height, left : left + picture.width], pixels)
    ]


def corner(sheet, picture):
    [position] = corners(sheet, picture)
    return position


def test_pictures_stand_in_rows_and_columns_at_their_own_pixels():
    pictures = [[noise(seed=3 * row + column) for column in range(3)] for row in range(2)]
    sheet = draw([Block(pictures, ["a", "b", "c"], ["one", "two"], "title")])
    positions = [[corner(sheet, picture) for picture in row] for row in pictures]
    lefts, tops = [left for left, _ in positions[0]], [row[0][1] for row in positions]
    assert positions == [[(left, top) for left in lefts] for top in tops]
    assert lefts[1] - lefts[0] == lefts[2] - lefts[1] > 24
    assert tops[1] - tops[0] > 16


def test_pictures_of_several_sizes_share_the_top_of_their_row_and_the_left_of_their_column():
    small, wide, high = noise(24, 16), noise(60, 20, seed=1), noise(30, 50, seed=2)
    sheet = draw([Block([[small, wide], [high]])])
    (left, top), (right, same), (below_left, below) = (corner(sheet, picture) for picture in (small, wide, high))
    assert (top, left) == (same, below_left)
    assert right - left > 30
    assert below - top > 20


def test_a_sheet_is_white_around_its_pictures_and_has_margins_alike_on_all_sides():
    sheet = draw([Block([[noise(), noise(seed=1)]])])
    (left, top), (right, _) = corner(sheet, noise()), corner(sheet, noise(seed=1))
    assert (sheet.width - right - 24, sheet.height - top - 16) == (left, top)
    assert left == top > 0
    assert bool((sheet.pixels[:, :top] == 1).all())
    assert bool((sheet.pixels[:, :, left + 24 : right] == 1).all())


def test_labels_are_gray_letters_beside_the_pictures():
    blank = Picture(torch.ones(3, 60, 80))
    bare = draw([Block([[blank]])])
    assert bool((bare.pixels == 1).all())
    for labels in ({"columns": ["size 64"]}, {"rows": ["size 64"]}, {"title": "size 64"}):
        pixels = draw([Block([[blank]], **labels)]).pixels
        ink = pixels < 0.9
        assert bool((pixels == pixels[:1]).all())  # gray
        assert 50 < int(ink[0].sum()) < 500
        assert pixels.min() >= 0.19


def test_the_label_of_a_row_stands_to_the_left_and_that_of_a_column_above():
    blank = Picture(torch.ones(3, 60, 80))
    for labels, axis in (({"rows": ["size 64"]}, 1), ({"columns": ["size 64"]}, 0)):
        sheet = draw([Block([[blank]], **labels)])
        ink = (sheet.pixels[0] < 0.9).nonzero()
        assert ink[:, axis].max() < sheet.pixels.shape[axis + 1] - (80 if axis else 60)


def test_a_long_label_is_broken_into_lines_no_wider_than_its_picture():
    size = Size(128, 96)
    short = measure([Block([[size, size]], ["conv1_1", "conv2_1"])])
    long = measure([Block([[size, size]], ["conv1_1", "conv1_1,conv2_1,conv3_1,conv4_1,conv5_1"])])
    assert long.width == short.width
    assert long.height > short.height + 20


def test_a_label_that_cannot_be_broken_widens_its_column():
    size = Size(40, 40)
    assert measure([Block([[size]], ["unbreakable_word"])]).width > measure([Block([[size]], ["a b c d e f"])]).width


def test_a_label_of_one_word_takes_one_line_however_wide_it_is():
    size = Size(40, 40)
    assert measure([Block([[size]], ["unbreakable_word"])]).height == measure([Block([[size]], ["a"])]).height


def test_the_letters_grow_with_the_pictures():
    def height_of_labels(width):
        size = Size(width, 64)
        return measure([Block([[size]], ["a"])]).height - measure([Block([[size]])]).height

    assert height_of_labels(128) == height_of_labels(256) < height_of_labels(512) < height_of_labels(1024)


def test_the_place_of_a_picture_that_is_missing_stays_empty():
    full = draw([Block([[noise(), noise(seed=1)]], ["a", "b"])])
    half = draw([Block([[noise(), Size(24, 16)]], ["a", "b"])])
    assert (half.width, half.height) == (full.width, full.height)
    left, top = corner(full, noise(seed=1))
    assert half.pixels[:, top : top + 16, left : left + 24].unique().tolist() == [pytest.approx(0.95)]
    assert corner(half, noise()) == corner(full, noise())


def test_the_size_is_known_before_there_is_any_picture():
    blocks = [Block([[noise(), noise(40, 30)]], ["a", "b"], ["row"], "title"), Block([[noise(60, 10)]])]
    sheet = draw(blocks)
    assert measure([block.map(lambda cell: Size(cell.width, cell.height)) for block in blocks]) == (
        sheet.width,
        sheet.height,
    )


def test_blocks_stand_one_below_the_other_each_under_its_title():
    first, second = noise(), noise(seed=1)
    sheet = draw([Block([[first]], title="seed 1"), Block([[second]], title="seed 2")])
    (left, top), (same, below) = corner(sheet, first), corner(sheet, second)
    assert left == same
    between = sheet.pixels[0, top + 16 : below]
    assert int((between < 0.9).sum()) > 50


def test_a_letter_that_the_font_does_not_have_is_no_warning():
    assert measure([Block([[Size(64, 64)]], ["星月夜"], ["星月夜"])]).width > 64


def test_a_saved_sheet_holds_the_bytes_of_its_pictures(tmp_path):
    noise().save(tmp_path / "picture.png")
    draw([Block([[noise()]], ["a"])]).save(tmp_path / "sheet.png")
    assert len(corners(Picture.open(tmp_path / "sheet.png"), Picture.open(tmp_path / "picture.png"))) == 1
