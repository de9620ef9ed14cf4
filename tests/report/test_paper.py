"""The paper's numbers, against its own text as extracted from the PDF."""

import re

from dlheir.report import paper

TABLE_1 = """
384x 384
12 bits 73.92 73.56 73.04 72.55 60.38
24 bits 82.33 82.31 82.36 82.29 67.21
32 bits 84.82 84.80 84.75 84.69 69.06
48 bits 86.23 86.21 86.15 86.08 69.91
224x 224
12 bits 72.55 72.29 72.13 71.85 59.63
24 bits 80.10 80.02 80.01 79.90 65.23
32 bits 81.50 81.42 81.38 81.34 66.37
48 bits 82.26 82.24 82.19 82.11 66.01
"""
TABLE_2 = """
DLHEIR (48 bits) 176.64 158.25
DLHEIR (32 bits) 176.54 158.25
DLHEIR (24 bits) 176.49 158.21
DLHEIR (12 bits) 176.41 158.13
Original CNN+hash layer (48 bits) 184.19 164.97
Original CNN+hash layer (32 bits) 183.87 164.68
Original CNN+hash layer (24 bits) 183.71 164.54
Original CNN+hash layer (12 bits) 183.46 164.32
"""


def test_table_1_is_as_printed():
    printed, size = {}, 0
    for line in TABLE_1.split("\n"):
        if "x" in line:
            size = int(line.split("x")[0])
        elif line:
            bits, numbers = line.split(" bits ")
            printed[size, int(bits)] = tuple(map(float, numbers.split()))
    assert len(printed) == 8
    assert printed == dict(paper.PRECISION)


def test_table_2_is_as_printed():
    rows = re.findall(r"(\w+).*\((\d+) bits\) ([\d.]+) ([\d.]+)", TABLE_2)
    names = {"DLHEIR": "dlheir", "Original": "densenet201"}
    printed = {(names[name], int(bits)): (float(a), float(b)) for name, bits, a, b in rows}
    assert len(printed) == 8
    assert printed == dict(paper.COST)


def test_precision_is_found_by_size_bits_and_k():
    assert paper.precision(224, 24, 100) == 65.23
    assert paper.precision(384, 48, 20) == 86.23
    assert paper.precision(384, 48, 50) is None
    assert paper.precision(256, 48, 20) is None
    assert paper.precision(384, 16, 20) is None
