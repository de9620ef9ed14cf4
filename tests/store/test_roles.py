"""Owner, server and user together, on real picture files."""

import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import dlheir.store as store
from dlheir.errors import InputError
from dlheir.store import (
    CloudServer,
    DataOwner,
    EnvelopeError,
    QueryUser,
    Record,
    StoreInputError,
    generate_key,
)

COUNT, BITS = 30, 12
KEY = generate_key()
CODES = np.random.default_rng(0).integers(0, 2, (COUNT, BITS), dtype=np.uint8)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{number:03}.jpg" for number in range(COUNT)]
    for number, path in enumerate(paths):
        Image.new("RGB", (20 + number, 20), (8 * number, 99, 0)).save(path)
    return paths


@pytest.fixture
def server(tmp_path):
    with CloudServer.create(tmp_path / "store.sqlite", BITS) as server:
        yield server


def test_the_user_gets_back_the_files_of_the_nearest_pictures(server, pictures):
    upload = DataOwner(KEY).upload(server, pictures, CODES, batch_size=7)
    user = QueryUser(KEY)
    ids, distances = server.search(user.trapdoor(CODES), 5)
    number_of = {picture_id: number for number, picture_id in enumerate(upload.ids)}
    for row, query in enumerate(CODES):
        answers = list(user.open_answers(server, ids[row]))
        assert [picture_id for picture_id, _ in answers] == ids[row].tolist()
        for (picture_id, plain), distance in zip(answers, distances[row], strict=True):
            number = number_of[picture_id]
            assert plain == pictures[number].read_bytes()
            assert (query != CODES[number]).sum() == distance
            assert Image.open(io.BytesIO(plain)).size == (20 + number, 20)


def test_the_upload_says_what_it_did(server, pictures):
    stored = []
    upload = DataOwner(KEY).upload(server, pictures, CODES, batch_size=8, progress=stored.append)
    assert stored == [8, 8, 8, 6]
    assert len(server) == len(upload.ids) == COUNT
    assert upload.plain_bytes == sum(path.stat().st_size for path in pictures)
    assert upload.sealed_bytes == sum(map(len, server.get(upload.ids)))
    assert upload.sealing_seconds > 0
    assert upload.upload_seconds > 0


def test_pictures_may_be_bytes_or_what_reads_them(server):
    sources = [b"first", lambda: b"second"]
    upload = DataOwner(KEY).upload(server, sources, CODES[:2])
    assert [plain for _, plain in QueryUser(KEY).open_answers(server, upload.ids)] == [
        b"first",
        b"second",
    ]


class Recorder:
    """Stands for a server and notes what arrives, in order."""

    bits = BITS

    def __init__(self):
        self.records: list[Record] = []

    def put(self, records):
        self.records.extend(records)


@pytest.mark.parametrize("random", [None, np.random.default_rng(3)], ids=["system", "seeded"])
def test_ids_and_uploads_have_no_relation_to_the_order(random):
    count, recorder = 1000, Recorder()
    codes = np.resize(CODES, (count, BITS))
    upload = DataOwner(KEY, random).upload(recorder, [b"p"] * count, codes)
    arrived = [upload.ids.index(record.picture_id) for record in recorder.records]
    by_id = np.argsort(np.array(upload.ids, dtype=object))
    assert sorted(arrived) == list(range(count))
    for order in (arrived, by_id, np.argsort(by_id)[arrived]):
        # Independent orders correlate by less than 0.2 in all but 1 of 4 thousand million draws.
        assert abs(np.corrcoef(order, np.arange(count))[0, 1]) < 0.2
    assert len(set(upload.ids)) == count


def test_two_uploads_of_the_same_pictures_share_no_id_and_no_envelope():
    recorder = Recorder()
    owner = DataOwner(KEY)
    owner.upload(recorder, [b"p"] * 50, CODES[:1].repeat(50, axis=0))
    owner.upload(recorder, [b"p"] * 50, CODES[:1].repeat(50, axis=0))
    assert len({record.picture_id for record in recorder.records}) == 100
    assert len({record.envelope for record in recorder.records}) == 100


def test_a_seed_makes_ids_and_order_reproducible_but_no_nonce():
    first, second = Recorder(), Recorder()
    for recorder in (first, second):
        owner = DataOwner(KEY, random=np.random.default_rng(5))
        owner.upload(recorder, [b"p"] * COUNT, CODES)
    assert [r[:2] for r in first.records] == [r[:2] for r in second.records]
    assert not {r.envelope for r in first.records} & {r.envelope for r in second.records}


def test_a_user_with_another_key_opens_nothing(server, pictures):
    upload = DataOwner(KEY).upload(server, pictures, CODES)
    answers = QueryUser(generate_key()).open_answers(server, upload.ids)
    with pytest.raises(EnvelopeError, match=upload.ids[0].hex()):
        next(answers)


def test_a_server_that_swaps_pictures_is_found_out(server, pictures):
    upload = DataOwner(KEY).upload(server, pictures, CODES)

    class Swapping:
        def get(self, picture_ids):
            return server.get(reversed(list(picture_ids)))

    with pytest.raises(EnvelopeError):
        next(QueryUser(KEY).open_answers(Swapping(), upload.ids[:2]))


def test_an_unknown_answer_is_an_error(server):
    with pytest.raises(StoreInputError):
        list(QueryUser(KEY).open_answers(server, [bytes(16)]))


def test_batches_stored_before_a_failure_stay(server, pictures):
    missing = [*pictures[:-1], pictures[-1].with_name("missing.jpg")]
    with pytest.raises(InputError, match=r"missing\.jpg"):
        DataOwner(KEY, np.random.default_rng(0)).upload(server, missing, CODES, batch_size=1)
    order = np.random.default_rng(0)
    _ = [order.bytes(16) for _ in range(COUNT)]
    assert len(server) == order.permutation(COUNT).tolist().index(COUNT - 1)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda server: DataOwner(b"short"), "key"),
        (lambda server: QueryUser(b"short"), "key"),
        (lambda server: DataOwner(KEY).upload(server, [b"p"], CODES), "1 pictures with 30 codes"),
        (lambda server: DataOwner(KEY).upload(server, [b"p"], CODES[:1, :6]), "6 bits"),
        (lambda server: DataOwner(KEY).upload(server, [b"p"], CODES[:1], batch_size=0), "batch"),
        (lambda server: QueryUser(KEY).trapdoor(CODES + 2), "query codes"),
    ],
)
def test_wrong_input_is_refused_in_one_line(server, call, what):
    with pytest.raises(InputError, match=what) as error:
        call(server)
    assert "\n" not in str(error.value)
    assert len(server) == 0


def test_the_store_imports_no_torch_and_offers_what_it_lists():
    script = (
        "import sys, dlheir.store as s; [getattr(s, name) for name in s.__all__]; "
        "assert not [m for m in sys.modules if m.startswith(('torch', 'lightning', 'pytorch'))]"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = store.nonsense
