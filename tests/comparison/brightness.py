"""A small system to compare: in a module of its own, for processes that load it."""

import numpy as np
from PIL import Image

from dlheir.baselines import System


class Brightness(System):
    """Mean levels, searched plainly; counts the pictures that it looked at."""

    title = "Brightness"

    def __init__(self, *, scale=1.0, seed=None):
        super().__init__(seed=seed)
        self.scale, self.looked, self.asked = scale, 0, []

    def features(self, pictures):
        self.looked += len(pictures)
        return np.array([np.asarray(Image.open(path)).mean() * self.scale for path in pictures])

    def index(self, features):
        return Plain(features, self.asked)

    def trapdoors(self, features):
        return features


class Plain:
    def __init__(self, features, asked):
        self._features, self._asked = features, asked

    def __len__(self):
        return len(self._features)

    def search(self, trapdoors, k):
        self._asked.append((len(self), len(trapdoors), k))
        distances = np.abs(self._features - trapdoors[:, None])
        rows = np.argsort(distances, axis=1, kind="stable")[:, :k]
        return rows, np.take_along_axis(distances, rows, axis=1)
