"""`dlheir complexity`: its tables, its JSON, and what it refuses."""

import json
from dataclasses import asdict

import pytest
from rich.console import Console

from dlheir.complexity.counts import measure
from dlheir.complexity.equations import describe_replacement
from dlheir.complexity.main import main
from dlheir.complexity.tables import paper_table
from dlheir.errors import InputError
from dlheir.models import get_model


def test_json_of_the_command_line(dlheir):
    """One row per network, bits and size, and the reason where there is no figure."""
    finished = dlheir(
        *("complexity", "dlheir_nano", "vit_b_16", "--bits", 12, 24, "--image-size", 72, 40),
        *("--json", "--speed", "--batch-size", 2, "--repeats", 1),
    )
    assert finished.code == 0, finished.err
    rows = json.loads(finished.out)
    assert [(r["model"], r["bits"], r["image_size"]) for r in rows] == [
        (name, bits, size)
        for name in ("dlheir_nano", "vit_b_16")
        for bits in (12, 24)
        for size in (72, 40)
    ]
    speed = rows[2].pop("speed")
    assert rows[2] == {"model": "dlheir_nano", "bits": 24, "image_size": 72} | asdict(
        measure(get_model("dlheir_nano", 24), 72)
    )
    assert (speed["batch_size"], speed["device"], speed["threads"]) == (2, "cpu", 1)
    skipped = [row for row in rows if "skipped" in row]
    assert {(row["model"], row["image_size"]) for row in skipped} == {
        ("vit_b_16", 72),
        ("vit_b_16", 40),
    }
    assert "multiple of 16" in skipped[0]["skipped"]
    assert not finished.complaints


def test_table(capsys):
    main(["dlheir_nano", "mobilenet_v2", "--bits", "12", "--image-size", "64"])
    table = capsys.readouterr().out
    complexity = measure(get_model("mobilenet_v2", 12), 64)
    for text in (f"{complexity.macs:,}", f"{complexity.activation_bytes / 2**20:.1f}"):
        assert text in table
    assert "Table 2" not in table
    assert max(map(len, table.splitlines())) <= 120


def line_of(table, *texts):
    """The cells of the one line that has these texts."""
    (line,) = [line for line in table.splitlines() if all(text in line for text in texts)]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_table_2_beside_the_papers(capsys):
    main(["dlheir", "--bits", "48", "16", "--image-size", "32", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["printed"] == {"parameters": 176.64, "mflops": 158.25}
    assert "printed" not in rows[1]
    console = Console(width=120)
    console.print(paper_table(rows))
    table = capsys.readouterr().out
    assert line_of(table, "17,663,636")[3:] == [
        "176.64",
        "176.64",
        "0",
        "158.34",
        "158.25",
        "+0.09",
    ]
    assert line_of(table, "│   16 │")[4:6] == ["-", "-"]


def test_sizes_that_a_network_does_not_take(capsys):
    arguments = ["vit_b_16", "dlheir_nano", "--bits", "12", "--image-size", "64", "40", "80"]
    main(arguments)
    shown = capsys.readouterr().out
    assert line_of(shown, "Left out:") == [
        "Left out: vit_b_16 at 40 px: image_size must be a multiple of 16 for model 'vit_b_16', "
        "not 40"
    ]
    with_64, with_80 = shown.split("Cost of one picture")[1:]
    # It is built for its size: a line each, with as many parameters as there are positions.
    _, _, parameters_64, macs_64, at_40, *_ = line_of(with_64, "│ vit_b_16")
    _, _, parameters_80, *_ = line_of(with_80, "│ vit_b_16")
    positions = 5**2 - 4**2
    assert int(parameters_80.replace(",", "")) - int(parameters_64.replace(",", "")) == (
        positions * 768
    )
    assert macs_64
    assert at_40 == "-"


def test_equations_of_the_command_line(capsys):
    main(["--equations", "dlheir_nano", "--image-size", "64", "96"])
    tables = capsys.readouterr().out
    found = describe_replacement("dlheir_nano", 96)
    assert tables.count("(5) rc") == 2
    for number in (found.separable.cs, found.block["macs"], found.replaced["parameters"]):
        assert f"{number:,}" in tables
    main(["--equations", "dlheir_nano", "--image-size", "96", "--json"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row == json.loads(json.dumps(found.as_dict()))
    main(["--equations", "inception_v3_ir", "--image-size", "96", "64", "--json"])
    counted, skipped = json.loads(capsys.readouterr().out)
    assert counted["image_size"] == 96
    assert skipped["image_size"] == 64
    assert "at least 75" in skipped["skipped"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["dlhier"],
        ["--bits", "x"],
        ["--bits", "0"],
        ["--image-size", "8"],
        ["--no-such-option"],
        ["--all", "dlheir"],
        ["vit_b_16", "--image-size", "40"],
        ["dlheir_nano", "--speed", "--batch-size", "1"],
        ["dlheir_nano", "--speed", "--repeats", "0"],
        ["--equations", "densenet201"],
    ],
)
def test_wrong_arguments_are_one_line(arguments, capsys):
    with pytest.raises(InputError) as caught:
        main(arguments)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""
