"""From every kind of picture to the same tensor."""

import io
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from dlheir.errors import InputError
from dlheir.models import PictureTransform
from dlheir.models.transform import IMAGENET_MEAN, IMAGENET_STD

WARP = PictureTransform(image_size=64)
MEAN_COLOUR = (124, 116, 104)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def levels():
    return np.random.default_rng(0).integers(0, 256, (50, 90, 3), dtype=np.uint8)


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def colour_at(tensor, row, column):
    return tuple(tensor[:, row, column].tolist())


def message_of(picture):
    with pytest.raises(InputError) as caught:
        WARP.load(picture)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("resize", ["warp", "letterbox", "crop"])
def test_every_kind_of_input_gives_the_same(tmp_path, levels, resize):
    transform = PictureTransform(64, resize=resize)
    picture = Image.fromarray(levels)
    path = tmp_path / "picture.png"
    picture.save(path)
    tensor = torch.from_numpy(levels).permute(2, 0, 1)
    expected = transform.load(picture)
    assert expected.shape == (3, 64, 64)
    assert expected.dtype == torch.uint8
    for source in (path, str(path), path.read_bytes(), tensor):
        assert torch.equal(transform.load(source), expected)


def test_call_is_load_then_normalize(levels):
    picture = Image.fromarray(levels)
    assert torch.equal(WARP(picture), WARP.normalize(WARP.load(picture)))


def test_right_size_stays_as_it_is(levels):
    tensor = torch.from_numpy(levels).permute(2, 0, 1)[:, :40, :40]
    assert torch.equal(PictureTransform(40).load(tensor), tensor)


def test_shrinking_averages():
    """Antialiasing: black and white columns become grey, not stripes."""
    stripes = torch.zeros(3, 320, 320, dtype=torch.uint8)
    stripes[:, :, ::2] = 255
    shrunk = PictureTransform(32).load(stripes)[:, :, 1:-1].float()
    assert (shrunk - 127.5).abs().max() < 15


def test_warp_fills_the_square():
    halves = Image.new("RGB", (100, 50), RED)
    halves.paste(BLUE, (50, 0, 100, 50))
    square = WARP.load(halves)
    assert colour_at(square, 0, 0) == colour_at(square, 63, 30) == RED
    assert colour_at(square, 0, 63) == colour_at(square, 63, 33) == BLUE


@pytest.mark.parametrize("upright", [False, True])
def test_letterbox_pads_the_shorter_side(upright):
    picture = Image.new("RGB", (50, 100) if upright else (100, 50), RED)
    square = PictureTransform(64, resize="letterbox").load(picture)
    across = square.transpose(1, 2) if upright else square
    for row in (0, 15, 48, 63):
        assert colour_at(across, row, 30) == MEAN_COLOUR
    for row in (16, 47):
        assert colour_at(across, row, 0) == colour_at(across, row, 63) == RED


def test_letterbox_padding_is_nearly_zero_to_the_network():
    square = PictureTransform(64, resize="letterbox")(Image.new("RGB", (100, 50)))
    assert square[:, 0].abs().max() < 0.01


@pytest.mark.parametrize("upright", [False, True])
def test_crop_takes_the_centre(upright):
    picture = Image.new("RGB", (200, 100), BLUE)
    picture.paste(GREEN, (50, 0, 150, 100))
    if upright:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    square = PictureTransform(64, resize="crop").load(picture)
    # The filter reaches one pixel beyond the cut.
    inner = square[:, 1:-1, 1:-1]
    assert (inner == torch.tensor(GREEN).view(3, 1, 1)).all()
    assert (square[1] > 200).all()


@pytest.mark.parametrize("resize", ["warp", "letterbox", "crop"])
@pytest.mark.parametrize("size", [(1000, 1), (1, 1000), (1, 1)])
def test_extreme_pictures(resize, size):
    square = PictureTransform(32, resize=resize).load(Image.new("RGB", size, RED))
    assert (square == torch.tensor(RED).view(3, 1, 1)).all(dim=0).any()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_greyscale(levels, kind):
    grey = Image.fromarray(levels[:, :, 0])
    square = WARP.load(encoded(grey, kind))
    assert torch.equal(square[0], square[1])
    assert torch.equal(square[0], square[2])
    assert square[0].float().std() > 5


def test_cmyk():
    file = encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG")
    assert Image.open(io.BytesIO(file)).mode == "CMYK"
    red, green, blue = colour_at(WARP.load(file), 5, 5)
    assert red > 250
    assert green < 5
    assert blue < 5


def test_palette():
    palette = Image.new("RGB", (64, 64), BLUE).quantize(4)
    assert colour_at(WARP.load(encoded(palette, "PNG")), 5, 5) == BLUE


@pytest.mark.parametrize(("level", "expected"), [(0, 0), (0x8000, 0x80), (0xFFFF, 255)])
def test_sixteen_bits_are_scaled(level, expected):
    picture = Image.fromarray(np.full((64, 64), level, dtype=np.uint16))
    for source in (picture, encoded(picture, "PNG")):
        assert colour_at(WARP.load(source), 5, 5) == (expected,) * 3


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_lies_on_white(mode):
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0)).convert(mode)
    assert colour_at(WARP.load(encoded(clear, "PNG")), 5, 5) == (255, 255, 255)


def test_exif_orientation(levels):
    upright = Image.fromarray(levels)
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned by 90 degrees to the left
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    assert torch.equal(WARP.load(encoded(stored, "PNG", exif=exif)), WARP.load(upright))


def test_normalize_by_hand():
    levels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 4)
    black, white = WARP.normalize(levels)
    for channel, (mean, std) in enumerate(zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)):
        assert black[channel, 0, 0].item() == pytest.approx(-mean / std, abs=1e-6)
        assert white[channel, 3, 3].item() == pytest.approx((1 - mean) / std, abs=1e-6)


def test_normalize_takes_float_levels(levels):
    tensor = torch.from_numpy(levels).permute(2, 0, 1)
    assert torch.equal(WARP.normalize(tensor.float()), WARP.normalize(tensor))
    assert WARP.normalize(tensor.half()).dtype == torch.float32


def test_survives_the_way_to_a_worker():
    transform = PictureTransform(96, resize="crop")
    assert pickle.loads(pickle.dumps(transform)) == transform


def test_unreadable_file_is_named(tmp_path, levels):
    text = tmp_path / "notes.jpg"
    text.write_text("no picture")
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(encoded(Image.fromarray(levels), "JPEG")[:300])
    for path in (text, cut, tmp_path / "absent.jpg", tmp_path):
        assert str(path) in message_of(path)
    assert "no such file" in message_of(tmp_path / "absent.jpg").lower()


def test_unreadable_bytes():
    assert "10 bytes" in message_of(b"no picture")


def test_picture_too_large_to_decode(monkeypatch, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "bomb.png" in message_of(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(3, 8, 8),
        torch.zeros(1, 8, 8, dtype=torch.uint8),
        torch.zeros(8, 8, dtype=torch.uint8),
        torch.zeros(3, 0, 8, dtype=torch.uint8),
    ],
)
def test_tensor_of_another_kind(tensor):
    assert "uint8 of shape (3, H, W)" in message_of(tensor)
