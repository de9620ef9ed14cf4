"""Key points of a picture and what it looks like around them, by OpenCV."""

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from dlheir.errors import InputError

MOST_KEY_POINTS = 2000
DESCRIPTOR = 128  # numbers in a SIFT descriptor

# Longer pictures are shrunk first: a corner's surroundings are counted in pixels, and SIFT takes a
# second for the picture of a camera.
_LONGEST_SIDE = 512
_LEAST_CONTRAST = 0.01  # a quarter of OpenCV's default, which leaves skies and sand without any
_CORNER_SIZE = 16.0  # pixels across, as SIFT counts the size of key points
_CORNER_SPACING = 3.0  # pixels
_WEAKEST_CORNER = 0.001  # of the strongest one's response
_HARRIS_K = 0.04  # Harris and Stephens 1988; OpenCV's default

Descriptors = NDArray[np.float32]


def open_cv() -> ModuleType:
    """Return OpenCV, told to start no threads of its own: pictures are shared out to threads.

    Raises:
        InputError: It is not installed.
    """
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            "key points need OpenCV, which is not installed: pip install 'dlheir[baselines]'"
        ) from error
    cv2.setNumThreads(1)
    module: ModuleType = cv2
    return module


def sift(levels: NDArray[np.uint8]) -> Descriptors:
    """Describe SIFT's key points (Lowe 2004), the `MOST_KEY_POINTS` of most contrast.

    Key points of the same contrast as the last one are kept, too. Their patches are turned upright
    and scaled, so that a turned or resized picture has nearly the same descriptors.

    Args:
        levels: (H, W, 3) uint8 RGB.

    Returns:
        RootSIFT descriptors (n, 128), see `root`; n is 0 where nothing stands out.
    """
    cv2 = open_cv()
    detector = cv2.SIFT_create(nfeatures=MOST_KEY_POINTS, contrastThreshold=_LEAST_CONTRAST)
    return root(detector.detectAndCompute(_grey(levels), None)[1])


def harris(levels: NDArray[np.uint8]) -> Descriptors:
    """Describe Harris corners, the `MOST_KEY_POINTS` strongest, 3 pixels or more apart.

    They have one size and are not turned: what is around a corner counts as it stands.

    Args:
        levels: (H, W, 3) uint8 RGB.

    Returns:
        RootSIFT descriptors (n, 128), see `root`; n is 0 where there is no corner.
    """
    cv2, grey = open_cv(), _grey(levels)
    corners = cv2.goodFeaturesToTrack(
        grey,
        MOST_KEY_POINTS,
        _WEAKEST_CORNER,
        _CORNER_SPACING,
        useHarrisDetector=True,
        k=_HARRIS_K,
    )
    if corners is None:
        return root(None)
    points = [cv2.KeyPoint(float(x), float(y), _CORNER_SIZE, 0.0) for x, y in corners[:, 0]]
    return root(cv2.SIFT_create().compute(grey, points)[1])


def root(described: NDArray[np.float32] | None) -> Descriptors:
    """Turn SIFT descriptors (n, 128) into RootSIFT's: shares of their sum, then square roots.

    Source: Arandjelovic, Zisserman, "Three things everyone should know to improve object retrieval"
    (CVPR 2012). Euclidean distances are then Hellinger's, and lengths 1.

    Args:
        described: None stands for no key point, as OpenCV says it.
    """
    if described is None:
        return np.empty((0, DESCRIPTOR), dtype=np.float32)
    sums = described.sum(axis=1, keepdims=True)
    rooted: Descriptors = np.sqrt(described / np.maximum(sums, np.finfo(np.float32).tiny))
    return rooted


def _grey(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    cv2 = open_cv()
    grey: NDArray[np.uint8] = cv2.cvtColor(levels, cv2.COLOR_RGB2GRAY)
    scale = _LONGEST_SIDE / max(grey.shape)
    if scale < 1:
        height, width = (max(1, round(scale * side)) for side in grey.shape)
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    return grey
