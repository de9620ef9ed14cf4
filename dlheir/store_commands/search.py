"""`dlheir store search`: asks the server with a picture, and opens what it answers."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from dlheir.console import progress
from dlheir.errors import InputError
from dlheir.output import end_of, plain, say, show
from dlheir.store.errors import EnvelopeError, StoreError
from dlheir.store.owner import Picture
from dlheir.store.server import CloudServer
from dlheir.store.user import QueryUser
from dlheir.store_commands.answers import (
    Answer,
    Row,
    file_name,
    place_of_answers,
    write_table,
    written_folder,
)
from dlheir.store_commands.arguments import (
    add_checkpoint,
    add_keys,
    add_precision,
    add_store,
    checkpoint_of,
)
from dlheir.store_commands.roles import UserAtWork, asking

DESCRIPTION = """\
Find the pictures in DIR that are most like a picture, and open them. The query is hashed here; the
server sees at most its code.

The answers come as files of a new folder, nearest first, with answers.csv and search.png, which
shows the query, the answers as the server holds them, and the answers opened. Each answer is held
to the owner's signature. With --complete, and always where the codes are sealed, so is the claim
that no nearer picture was left out, for which the whole table of codes is downloaded."""
EXAMPLE = """\
example:
  dlheir store search photos.store --query beach.jpg --keys anna.keys --checkpoint last.ckpt"""

_PRINTED = 10  # answers in the table on the terminal
_DRAWN = 20  # answers in search.png


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add_store(parser)
    parser.add_argument("--query", metavar="PICTURE", type=Path, required=True, help="what to find")
    parser.add_argument("-k", type=_count, default=20, help="number of answers; 20 if not said")
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, help="a new one; else answers/NAME OF THE QUERY"
    )
    add_keys(parser, "a query user's keys, or the owner's")
    add_checkpoint(parser)
    add_precision(parser)
    parser.add_argument(
        "--complete", action="store_true", help="make sure that no answer was left out"
    )
    parser.add_argument(
        "--engine",
        default="auto",
        help="auto, flat, buckets, ivf (approximate), or the URL of a Milvus server",
    )


def run(arguments: argparse.Namespace) -> None:
    """Search, open, write.

    Raises:
        StoreError: some answers are damaged; the others are written.
    """
    if arguments.complete and arguments.engine == "ivf":
        raise InputError("--complete: ivf may leave answers out; take another --engine")
    checkpoint_of(arguments)  # before the keys' passphrase is asked for
    place = place_of_answers(arguments.out, arguments.query, arguments.store)
    with asking(arguments) as at_work:
        if at_work.server.policy.mode == "client" and arguments.engine != "auto":
            raise InputError(
                f"--engine {arguments.engine}: the codes of {arguments.store} are sealed and "
                "searched here; leave it out"
            )
        query, ids, distances = _search(at_work, arguments)
        with written_folder(place) as folder:
            answers = _opened(at_work.user, ids, distances, folder)
            write_table(folder / "answers.csv", [answer.row for answer in answers])
            _draw(folder / "search.png", query, answers, at_work.server)
        recall = at_work.server.recall(arguments.k) if arguments.engine == "ivf" else None
    _print(place, answers)
    if recall is not None:
        say(f"ivf finds {recall:.1%} of the nearest {arguments.k}, measured on stored codes")
    faults = [answer.fault for answer in answers if answer.fault]
    if faults:
        raise StoreError(f"{len(faults)} of {len(answers)} answers do not open; {faults[0]}")


def _search(
    at_work: UserAtWork, arguments: argparse.Namespace
) -> tuple[Picture, list[bytes], list[int]]:
    """Hash the query and ask; return it with the ids and the distances of its answers."""
    from dlheir.hashing import hash_pictures
    from dlheir.store_commands.hashing import hasher_for

    if len(at_work.server) == 0:
        raise InputError(f"{arguments.store}: holds no picture yet; dlheir store add brings some")
    hasher = hasher_for(arguments, at_work.server.policy)
    hashed = hash_pictures(hasher, [Picture(arguments.query.name, arguments.query)])
    for error in hashed.unreadable:
        raise InputError(f"--query {error}")
    answers = at_work.user.search(hashed.codes, arguments.k, arguments.complete)
    return hashed.pictures[0], answers.ids[0].tolist(), answers.distances[0].tolist()


def _opened(
    user: QueryUser, ids: Sequence[bytes], distances: Sequence[int], folder: Path
) -> list[Answer]:
    """Open the answers into files, one by one; only of those to be drawn the bytes are kept."""
    digits, widest = max(2, len(str(len(ids)))), max(2, len(str(max(distances))))
    answers = []
    for place, picture_id in enumerate(progress(ids, "Opening answers")):
        rank, distance = place + 1, distances[place]
        row = Row(rank, distance, "", picture_id.hex(), "")
        try:
            (opened,) = user.open_answers([picture_id])
        except (StoreError, EnvelopeError) as error:
            answers.append(Answer(row, str(error)))
            continue
        file = file_name(f"{rank:0{digits}}", f"{distance:0{widest}}", opened.name)
        (folder / file).write_bytes(opened.picture)
        row = row._replace(name=opened.name, file=file)
        drawn = (opened.envelope, opened.picture) if rank <= _DRAWN else (b"", b"")
        answers.append(Answer(row, "", *drawn))
    return answers


def _draw(path: Path, query: Picture, answers: Sequence[Answer], server: CloudServer) -> None:
    from dlheir.store_commands.picture import draw_search

    drawn = answers[:_DRAWN]
    bits = server.policy.bits
    title = f"The {len(drawn)} nearest of {len(server):,} sealed pictures, {bits}-bit codes"
    draw_search(path, query, drawn, title)


def _print(place: Path, answers: Sequence[Answer]) -> None:
    table = Table("rank", "distance", "name", "file")
    for row, *_ in answers[:_PRINTED]:
        name = plain(end_of(row.name)) if row.file else "[red]damaged[/]"
        table.add_row(str(row.rank), str(row.distance), name, plain(row.file))
    show(table)
    opened = sum(not answer.fault for answer in answers)
    say(f"{place}: {opened} answers, with answers.csv and search.png")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}, expected at least 1")
    return number
