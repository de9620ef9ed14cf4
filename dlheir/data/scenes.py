"""Painting of the generated data set: a patterned thing of nature before a blurred ground.

A scene is drawn in unit coordinates (x to the right, y down, both in [0, 1]) with random numbers
that do not depend on the picture's size, so that every size shows the same scene. It is painted
larger than asked for and averaged, so that detail smaller than a pixel fades instead of flickering.

Pictures are floats (side, side, 3), masks (side, side), both in [0, 1]; `side` is in pixels.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Floats = NDArray[np.floating[Any]]

_SUPERSAMPLING = 2

# Ranges of hue: the ground and the grass are nature's, things have any.
_ANY_HUE = (0.0, 1.0)
_EARTH_TO_SKY = (0.06, 0.64)
_GRASS = (0.13, 0.38)


class _Pose(NamedTuple):
    """Where a thing lies: centre and half extent in picture widths, rotation in radians."""

    x: float
    y: float
    scale: float
    turn: float


def paint(rng: Generator, shape: str, pattern: str, size: int) -> NDArray[np.uint8]:
    """Paint one scene.

    Args:
        rng: Decides all that varies within a class.
        shape: Key of `SHAPES`.
        pattern: Key of `PATTERNS`.
        size: Width and height in pixels.

    Returns:
        The picture, (size, size, 3).
    """
    picture = _ground(rng, size * _SUPERSAMPLING)
    for pose in _poses(rng):
        _add_thing(rng, picture, shape, pattern, pose)
    _add_blades(rng, picture)
    _add_light(rng, picture)
    _add_grain(rng, picture)
    large = Image.fromarray((picture.clip(0, 1) * 255 + 0.5).astype(np.uint8))
    return np.asarray(large.reduce(_SUPERSAMPLING))


def _poses(rng: Generator) -> list[_Pose]:
    """Draw one large thing and perhaps a small one, which is painted first to lie behind it."""
    x, y, scale, turn = rng.uniform((0.4, 0.4, 0.3, -0.4), (0.6, 0.6, 0.42, 0.4))
    large = _Pose(x, y, scale, turn)
    x, y, scale, turn = rng.uniform((0.1, 0.1, 0.12, -1), (0.9, 0.9, 0.18, 1))
    return [_Pose(x, y, scale, turn), large] if rng.integers(2) else [large]


def _ground(rng: Generator, side: int) -> Floats:
    """Paint a blurred ground: clouds of two colours and discs out of focus."""
    first, second = (_colour(rng, (0.35, 0.85), (0.1, 0.45), _EARTH_TO_SKY) for _ in range(2))
    picture: Floats = first + (second - first) * _clouds(rng, side)[..., None]
    discs = Image.new("L", (side, side))
    draw = ImageDraw.Draw(discs)
    for x, y, radius, strength in rng.uniform((0, 0, 0.03, 40), (1, 1, 0.13, 150), (6, 4)):
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse([edge * side for edge in box], fill=int(strength))
    tint = _colour(rng, (0.2, 1), (0, 0.5), _EARTH_TO_SKY)
    _blend(picture, tint, _soft(discs, 0.012 * side))
    return picture


def _clouds(rng: Generator, side: int) -> Floats:
    """Draw smooth noise (side, side) of four octaves, stretched sideways by a random factor."""
    stretch = rng.integers(1, 4)
    octaves = (3, 6, 12, 24)
    total = np.zeros((side, side), np.float32)
    for cells in octaves:
        total += _spread(rng.uniform(-1, 1, (cells * stretch, cells)), side) / cells
    return (0.5 + 0.6 * total / sum(1 / cells for cells in octaves)).clip(0, 1)


def _add_thing(rng: Generator, picture: Floats, shape: str, pattern: str, pose: _Pose) -> None:
    """Add a patterned thing with its shadow and a dark rim, within the window that it fills."""
    side = len(picture)
    contour = _contour(rng, shape, pose) * side
    shift = rng.uniform(-0.03, 0.03, 2) * side
    rows, columns = _window(contour, side)
    window = picture[rows, columns]
    mask = _polygon(contour, rows, columns)
    shadow = _soft(_polygon(contour + shift, rows, columns), 0.015 * side)
    _blend(window, np.zeros(3, np.float32), shadow / 2)
    rim = (2.2 * _soft(mask, 0.022 * side) - 1).clip(0.1, 1)
    skin = _skin(rng, pattern, *_own_coordinates(rows, columns, side, pose))
    _blend(window, skin * rim[..., None], _array(mask))


def _contour(rng: Generator, shape: str, pose: _Pose) -> Floats:
    """Place a shape, a little stretched, in the picture: points (n, 2) in picture widths."""
    angles = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    x, y = (SHAPES[shape](angles) * rng.uniform(0.88, 1.12, 2) * pose.scale).T
    cos, sin = np.cos(pose.turn), np.sin(pose.turn)
    return np.stack([pose.x + cos * x - sin * y, pose.y + sin * x + cos * y], axis=1)


def _window(contour: Floats, side: int) -> tuple[slice, slice]:
    """Bound a contour in pixels, with room for its shadow: rows and columns of the picture."""
    room = 0.08 * side
    left, top = (contour.min(axis=0) - room).clip(0, side).astype(int)
    right, bottom = (contour.max(axis=0) + room).clip(0, side).astype(int)
    return slice(top, bottom), slice(left, right)


def _polygon(contour: Floats, rows: slice, columns: slice) -> Image.Image:
    """Fill a contour in pixels with 255, in a mask of the window's size."""
    mask = Image.new("L", (columns.stop - columns.start, rows.stop - rows.start))
    points = contour - (columns.start, rows.start)
    ImageDraw.Draw(mask).polygon(points.ravel().tolist(), fill=255)
    return mask


def _own_coordinates(rows: slice, columns: slice, side: int, pose: _Pose) -> tuple[Floats, Floats]:
    """Give the window's pixel centres in a thing's own frame, about [-1, 1] on the thing."""
    x = (_centres(side)[None, columns] - np.float32(pose.x)) / np.float32(pose.scale)
    y = (_centres(side)[rows, None] - np.float32(pose.y)) / np.float32(pose.scale)
    cos, sin = np.float32(np.cos(pose.turn)), np.float32(np.sin(pose.turn))
    return cos * x + sin * y, cos * y - sin * x


def _skin(rng: Generator, pattern: str, u: Floats, v: Floats) -> Floats:
    """Paint the pattern in two colours at the points (u, v): (height, width, 3)."""
    slant = np.float32(rng.uniform(-0.2, 0.2))
    pitch = rng.uniform(0.88, 1.12, 2).astype(np.float32)
    shift = rng.uniform(-0.5, 0.5, 2).astype(np.float32) * (0.3 if pattern in _CENTRED else 1)
    along = (u + slant * v) * pitch[0] + shift[0]
    across = (v - slant * u) * pitch[1] + shift[1]
    first, second = _light_and_dark(rng)
    return first + (second - first) * PATTERNS[pattern](along, across)[..., None]


def _light_and_dark(rng: Generator) -> tuple[Floats, Floats]:
    """Draw two colours, in any order, that keep a pattern visible in grey values too."""
    light = _colour(rng, (0.8, 1), (0.1, 0.6))
    dark = _colour(rng, (0.25, 0.5), (0.4, 0.9))
    return (light, dark) if rng.integers(2) else (dark, light)


def _add_blades(rng: Generator, picture: Floats) -> None:
    """Add up to three blades of grass, which cover parts of the things."""
    side = len(picture)
    mask = Image.new("L", (side, side))
    draw = ImageDraw.Draw(mask)
    for _ in range(rng.integers(4)):
        foot, lean, top = rng.uniform((0, -0.3, 0.1), (1, 0.3, 0.7))
        blade = [(foot - 0.025, 1.0), (foot + lean, top), (foot + 0.025, 1.0)]
        draw.polygon([(x * side, y * side) for x, y in blade], fill=255)
    _blend(picture, _colour(rng, (0.2, 0.7), (0.4, 0.7), _GRASS), _soft(mask, 0.004 * side))


def _add_light(rng: Generator, picture: Floats) -> None:
    """Light the scene from a random side, with a random strength."""
    brightness, right, down = rng.uniform((0.75, -0.5, -0.5), (1.1, 0.5, 0.5)).astype(np.float32)
    offset = _centres(len(picture)) - np.float32(0.5)
    picture *= (brightness + right * offset + down * offset[:, None])[..., None]


def _add_grain(rng: Generator, picture: Floats) -> None:
    """Add a sensor's noise, in grains of 1/96 of the picture's width."""
    strength = rng.uniform(0.01, 0.03)
    picture += _spread(rng.normal(0, strength, (96, 96)), len(picture))[..., None]


def _colour(
    rng: Generator,
    value: tuple[float, float],
    saturation: tuple[float, float],
    hue: tuple[float, float] = _ANY_HUE,
) -> Floats:
    """Draw a colour (3,) from ranges of HSV, each in [0, 1]."""
    ranges = np.array([hue, saturation, value])
    h, s, v = rng.uniform(ranges[:, 0], ranges[:, 1])
    ramp = np.abs((h + np.array([0, 2 / 3, 1 / 3])) % 1 * 6 - 3) - 1
    colour: Floats = v * (1 - s * (1 - ramp.clip(0, 1)))
    return colour.astype(np.float32)


def _blend(picture: Floats, colour: Floats, mask: Floats) -> None:
    """Lay a colour, (3,) or one per pixel, over the picture where the mask is high."""
    picture += (colour - picture) * mask[..., None]


def _soft(mask: Image.Image, radius: float) -> Floats:
    """Blur a mask by a radius in pixels."""
    return _array(mask.filter(ImageFilter.GaussianBlur(radius)))


def _array(mask: Image.Image) -> Floats:
    return np.asarray(mask, dtype=np.float32) / 255


def _spread(lattice: Floats, side: int) -> Floats:
    """Interpolate a lattice of any shape over the picture: (side, side)."""
    image = Image.fromarray(lattice.astype(np.float32))
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))


def _centres(side: int) -> Floats:
    """Give the pixels' centres along one edge, (side,), in picture widths."""
    return (np.arange(side, dtype=np.float32) + np.float32(0.5)) / side


def _polar(radius: Floats, angle: Floats) -> Floats:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _butterfly(t: Floats) -> Floats:
    wings = 0.3 + 0.75 * np.abs(np.sin(2 * t)) ** 0.8
    return _polar(wings * np.where(np.sin(t) > 0, 0.8, 1.0), t)


def _fish(t: Floats) -> Floats:
    angle = 0.9 * (t - np.pi)
    body = np.stack([0.25 + 0.85 * np.cos(angle), 0.55 * np.sin(angle)], axis=1)
    tail = [(-1.1, 0.55), (-0.9, 0.0), (-1.1, -0.55)]
    return np.concatenate([body, tail])


def _leaf(t: Floats) -> Floats:
    return np.stack([0.5 * np.sin(t) * np.abs(np.sin(t)), 1.2 * np.cos(t)], axis=1)


def _moon(t: Floats) -> Floats:
    outer = _polar(np.ones_like(t), np.linspace(0.7, 2 * np.pi - 0.7, len(t)))
    inner = np.stack([0.76 - 0.72 * np.sin(t / 2), -0.64 * np.cos(t / 2)], axis=1)
    return np.concatenate([outer, inner])


def _mushroom(t: Floats) -> Floats:
    cap = np.stack([-1.05 * np.cos(t / 2), 0.1 - 1.0 * np.sin(t / 2)], axis=1)
    stem = [(0.35, 0.1), (0.27, 0.5), (0.4, 1.0), (-0.4, 1.0), (-0.27, 0.5), (-0.35, 0.1)]
    return np.concatenate([cap, stem])


def _starfish(t: Floats) -> Floats:
    spike = np.abs((t * 5 / (2 * np.pi)) % 1 - 0.5) * 2
    return _polar(0.38 + 0.72 * spike**1.2, t - np.pi / 2)


def _wave(phase: Floats) -> Floats:
    """Alternate between 0 and 1 with period 1, with soft edges."""
    wave: Floats = 0.5 + 1.2 * np.sin(2 * np.pi * phase)
    return wave.clip(0, 1)


def _spots(u: Floats, v: Floats) -> Floats:
    """Put a round spot on every point of a square grid of period 1."""
    spots: Floats = 1.6 * (np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v)) - 0.7
    return spots.clip(0, 1)


# Angles (n,) in [0, 2 pi) -> contour (m, 2) around the origin, within about [-1, 1].
SHAPES: dict[str, Callable[[Floats], Floats]] = {
    "butterfly": _butterfly,
    "fish": _fish,
    "leaf": _leaf,
    "moon": _moon,
    "mushroom": _mushroom,
    "starfish": _starfish,
}

# A thing's own coordinates -> share of its second colour. `lined`, `ruled` and `speckled` are
# `banded`, `layered` and `dotted` in fine: small pictures do not show what sets them apart.
PATTERNS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "banded": lambda u, _: _wave(1.7 * u),
    "dotted": lambda u, v: _spots(1.9 * u, 1.9 * v),
    "layered": lambda _, v: _wave(1.7 * v),
    "lined": lambda u, _: _wave(6 * u),
    "rayed": lambda u, v: _wave(np.arctan2(v, u) * np.float32(4 / np.pi)),
    "ringed": lambda u, v: _wave(2.2 * np.hypot(u, v)),
    "ruled": lambda _, v: _wave(6 * v),
    "speckled": lambda u, v: _spots(6 * u, 6 * v),
}

# These turn on a thing's middle and are hardly shifted.
_CENTRED = {"rayed", "ringed"}
