"""The numbers that the paper prints, as printed.

Pan et al., "Improved CNN-Based Hashing for Encrypted Image Retrieval", Security and Communication
Networks, 2021, https://doi.org/10.1155/2021/5556634
"""

from collections.abc import Mapping
from types import MappingProxyType

MODEL, DATA, PROTOCOL = "dlheir", "Corel10K", "paper"
ORIGINAL = "densenet201"
CLASSES = 100  # of Corel-10K; the classifier behind the hash layer has as many outputs
KS = (20, 40, 60, 80, 100)

# Table 1: precision@k in per cent by image size and bits, in the order of KS. The network with 48
# bits at 384 px is also DLHEIR's curve in Figure 3.
PRECISION = MappingProxyType(
    {
        (384, 12): (73.92, 73.56, 73.04, 72.55, 60.38),
        (384, 24): (82.33, 82.31, 82.36, 82.29, 67.21),
        (384, 32): (84.82, 84.80, 84.75, 84.69, 69.06),
        (384, 48): (86.23, 86.21, 86.15, 86.08, 69.91),
        (224, 12): (72.55, 72.29, 72.13, 71.85, 59.63),
        (224, 24): (80.10, 80.02, 80.01, 79.90, 65.23),
        (224, 32): (81.50, 81.42, 81.38, 81.34, 66.37),
        (224, 48): (82.26, 82.24, 82.19, 82.11, 66.01),
    }
)

# Table 2: "Parameters" in units of 1e5 as Keras counts them, and "MFLOPs", by model and bits.
COST = MappingProxyType(
    {
        (MODEL, 48): (176.64, 158.25),
        (MODEL, 32): (176.54, 158.25),
        (MODEL, 24): (176.49, 158.21),
        (MODEL, 12): (176.41, 158.13),
        (ORIGINAL, 48): (184.19, 164.97),
        (ORIGINAL, 32): (183.87, 164.68),
        (ORIGINAL, 24): (183.71, 164.54),
        (ORIGINAL, 12): (183.46, 164.32),
    }
)

# Table 3: "Time consumption of retrieval" with k = 20, by system, and by bits of its own. It prints
# no unit and no machine: only growth and order can be held beside others. For Figures 3 to 6 it
# prints no numbers.
PICTURES = (2000, 4000, 6000, 8000, 10000)
SEARCH: Mapping[tuple[str, int | None], tuple[float, ...]] = MappingProxyType(
    {
        (MODEL, 48): (0.58, 0.742, 0.908, 1.073, 1.249),
        (MODEL, 32): (0.537, 0.657, 0.776, 0.894, 1.016),
        (MODEL, 24): (0.505, 0.608, 0.637, 0.799, 0.908),
        (MODEL, 12): (0.483, 0.554, 0.637, 0.703, 0.785),
        ("xia_csd", None): (2.51, 4.60, 6.26, 8.34, 10.49),
        ("xia_scd", None): (1.65, 3.79, 5.36, 6.53, 8.78),
        ("qin", None): (0.95, 1.46, 2.25, 2.88, 3.63),
    }
)


def precision(image_size: int, bits: int, k: int) -> float | None:
    """Table 1's precision@k in per cent; None where it has no such cell."""
    row = PRECISION.get((image_size, bits))
    return row[KS.index(k)] if row and k in KS else None
