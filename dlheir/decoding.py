"""From a picture's file to upright RGB; the same for networks and for hand-crafted features."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dlheir.errors import InputError


def decoded(picture: str | Path | bytes | Image.Image) -> Image.Image:
    """Return a picture as an upright RGB image, transparency over white.

    Args:
        picture: a file's path, an encoded file's bytes, or a Pillow image.

    Raises:
        InputError: it cannot be read; the message names the file.
    """
    try:
        if isinstance(picture, Image.Image):
            return _upright_rgb(picture)
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture) as opened:
            return _upright_rgb(opened)
    except Exception as error:  # decoders raise whatever their parsers stumble on
        raise InputError(f"cannot read {_described(picture)}: {_reason(error)}") from error


def _upright_rgb(picture: Image.Image) -> Image.Image:
    """Apply the EXIF orientation and convert to 8-bit RGB, transparency over white."""
    upright = ImageOps.exif_transpose(picture)
    if upright.mode == "I" or upright.mode.startswith("I;16"):
        # Pillow would clip 16 bits at 255 instead of scaling them.
        levels = np.asarray(upright, dtype=np.int64).clip(0, 65535)
        upright = Image.fromarray((levels >> 8).astype(np.uint8))
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        upright = Image.new("RGBA", layer.size, "white")
        upright.alpha_composite(layer)
    return upright.convert("RGB")


def _reason(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "not a picture in a format that Pillow knows"
    message = (isinstance(error, OSError) and error.strerror) or f"{error}"
    return " ".join(message.split())


def _described(picture: str | Path | bytes | Image.Image) -> str:
    if isinstance(picture, bytes):
        return f"a picture of {len(picture)} bytes"
    if isinstance(picture, Image.Image):
        return f"a Pillow image of mode {picture.mode}"
    return f"the picture {picture}"
