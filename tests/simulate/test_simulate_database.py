"""The simulated database: it does what one of ``sqlite3`` does, and no power cut undoes what was acknowledged."""

import contextlib
import random
import time
from functools import partial

import pytest

from onvif_bmff.errors import PersistenceError
from onvif_bmff.storage.sqlite import MIGRATIONS, SqlitePersistence
from tests.simulate.disk import LOSSES, Fault, Loss
from tests.simulate.runtime import Crashed, Process, Simulation

pytest.importorskip("apsw", reason="apsw is missing, which the extra dev has")
from tests.simulate.database import SimulatedDatabase

KEY = bytes(range(16))
CHANGES = (
    ({"recording/a": "1" * 300, "job/b": "2"}, {"a/k": KEY}),
    ({"recording/a": "3" * 9000, "job/b": None}, {"a/k": None, "a/l": KEY[::-1]}),
    ({f"track/{number}": "x" * 700 for number in range(40)}, {}),
    ({f"track/{number}": None for number in range(0, 40, 2)}, {"a/l": b""}),
)
"""Documents and secrets of the commits that are cut off."""


def made(seed=1):
    simulation = Simulation(seed)
    return simulation, SimulatedDatabase(simulation), Process("first")


def states():
    """What is there after each commit."""
    documents, secrets, found = {}, {}, [({}, {})]
    for changed, keys in CHANGES:
        documents = {name: body for name, body in (documents | changed).items() if body is not None}
        secrets = {name: body for name, body in (secrets | keys).items() if body is not None}
        found.append((documents, secrets))
    return found


STATES = states()


def run(base, process, done):
    """Open, commit all, close; ``done`` gets the number of each commit that is acknowledged."""
    persistence = base.open(process)
    for number, change in enumerate(CHANGES, 1):
        persistence.commit(*change)
        done.append(number)
    persistence.close()


def cut(at, loss, seed):
    """The number of acknowledged commits before a power cut at an operation, and what is there afterwards."""
    simulation, base, process = made()
    base.faults.crash_at = base.disk.operations + at
    done = [0]
    with pytest.raises(Crashed):
        run(base, process, done)
    assert not process.alive
    base.crash(loss, random.Random(seed))
    base.faults.clear()
    persistence = base.open(Process("second"))
    found = persistence.load()
    persistence.close()
    return done[-1], found, simulation


def operations():
    _, base, process = made()
    before = base.disk.operations
    run(base, process, [])
    return base.disk.operations - before


def wrong(stride, losses=LOSSES, seeds=(0,)):
    """Power cuts after which something acknowledged is gone, or half of a commit is there."""
    found = []
    for seed in seeds:
        for number, loss in enumerate(losses):
            for at in range(1 + (number + seed) % stride, operations() + 1, stride):
                try:
                    acknowledged, left, _ = cut(at, loss, seed)
                except PersistenceError as error:
                    found.append((at, loss, seed, str(error)))
                    continue
                if left not in STATES[acknowledged : acknowledged + 2]:
                    found.append((at, loss, seed, "not what was acknowledged"))
    return found


# ---- the same as a real one ------------------------------------------------------------------------------


def test_any_commits_give_the_same_in_a_real_database(tmp_path):
    for seed in range(3):
        chance = random.Random(seed)
        _, base, process = made()
        makers = [partial(SqlitePersistence, tmp_path / f"{seed}.db"), partial(base.open, process)]
        both = [make() for make in makers]
        for _ in range(60):
            documents = {f"d{chance.randrange(9)}": chance.choice([None, "é", "x" * 5000]) for _ in range(3)}
            secrets = {f"s{chance.randrange(9)}": chance.choice([None, b"", KEY, "no bytes"]) for _ in range(2)}
            results = []
            for one in both:
                try:
                    one.commit(documents, secrets)
                    results.append("stored")
                except PersistenceError as error:
                    results.append(str(error).replace("cannot store TEXT value", "")[:40])
            assert results[0] == results[1]
            assert both[0].load() == both[1].load()
            if chance.random() < 0.1:
                for one in both:
                    one.close()
                    with pytest.raises(PersistenceError):
                        one.load()
                both = [make() for make in makers]
        for one in both:
            one.close()
        assert base.disk.open_descriptors(process) == 0


def test_a_second_process_cannot_open_it_until_the_first_has_ended():
    simulation, base, process = made()
    persistence = base.open(process)
    persistence.commit({"a": "1"}, {})
    with pytest.raises(PersistenceError, match="locked"):
        base.open(Process("second"))
    simulation.crash(process)
    with pytest.raises(Crashed):
        persistence.load()
    again = base.open(Process("third"))
    assert again.load() == ({"a": "1"}, {})


def test_an_older_schema_is_brought_forward():
    _, base, process = made()
    old = base.open(process, migrations=MIGRATIONS[:1])
    with pytest.raises(PersistenceError, match="digest"):
        old.load()
    old.close()
    base.open(process).close()
    with pytest.raises(PersistenceError, match="schema 2"):
        base.open(process, migrations=MIGRATIONS[:1])


# ---- faults ----------------------------------------------------------------------------------------------


def test_no_power_cut_undoes_a_commit_or_leaves_half_of_one():
    assert operations() > 150
    assert wrong(stride=7) == []


def test_every_kind_of_loss_takes_effect():
    hits = [cut(operations() - 20, loss, 0)[2].hits for loss in LOSSES]
    assert all(one[loss] == 1 for one, loss in zip(hits, LOSSES, strict=True))


@pytest.mark.parametrize("pragma", ["synchronous = 0", "synchronous = 1"])
def test_a_database_that_does_not_sync_is_found(monkeypatch, pragma):
    """The control. SQLite says of NORMAL that a power cut may undo commits in WAL mode, and of OFF that all may go."""
    plain = SqlitePersistence._open

    def careless(persistence):
        plain(persistence)
        persistence._connection.execute(f"PRAGMA {pragma}")

    monkeypatch.setattr(SqlitePersistence, "_open", careless)
    assert wrong(stride=5, losses=[Loss.DATA]) != []


def test_a_commit_in_two_transactions_is_found(monkeypatch):
    def half(persistence, documents, secrets):
        for changes in ((documents, {}), ({}, secrets)):
            with persistence._transaction():
                persistence._write("document", changes[0])
                persistence._write("secret", changes[1])

    monkeypatch.setattr(SqlitePersistence, "commit", half)
    assert wrong(stride=3, losses=[Loss.NONE]) != []


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.SLOW])
def test_a_failure_is_an_error_of_ours_and_changes_nothing(fault, lasting):
    hits = 0
    for at in range(1 + list(Fault).index(fault), operations(), 5):
        simulation, base, process = made()
        number = base.disk.operations + at
        if lasting:
            base.faults.lasting = number, fault
        else:
            base.faults.at[number] = fault
        done = [0]
        with contextlib.suppress(PersistenceError):
            run(base, process, done)
        hits += simulation.hits[fault]
        base.faults.clear()
        simulation.crash(process)
        persistence = base.open(Process("second"))
        # Of a disk that fails for good nothing can be taken back that it took and did not confirm.
        allowed = STATES[done[-1] : done[-1] + 1 + lasting]
        assert persistence.load() in allowed, (at, "without a power cut")
        persistence.close()
        base.crash(Loss.ALL)
        persistence = base.open(Process("third"))
        assert persistence.load() in allowed, (at, "with a power cut")
        persistence.close()
    assert hits


def test_a_commit_of_which_only_the_sync_failed_is_taken_back():
    """Its log is whole: an operation that was refused would be there after the next start."""
    simulation, base, process = made()
    persistence = base.open(process)
    persistence.commit({"a": "1"}, {})
    base.disk.trace = []
    persistence.commit({"b": "2"}, {})
    base.faults.at[base.disk.operations + base.disk.trace.index("fsync") + 1] = Fault.FULL
    with pytest.raises(PersistenceError, match="full"):
        persistence.commit({"b": None, "c": "3"}, {})
    assert persistence.load() == ({"a": "1", "b": "2"}, {})
    simulation.crash(process)  # killed: nothing is closed, and the power stays on
    again = base.open(Process("second"))
    assert again.load() == ({"a": "1", "b": "2"}, {})
    again.commit({"d": "4"}, {})
    assert again.load() == ({"a": "1", "b": "2", "d": "4"}, {})


def test_a_full_disk_takes_no_commit_and_keeps_all():
    simulation, base, process = made()
    persistence = base.open(process)
    persistence.commit({"a": "1"}, {})
    base.faults.capacity = base.disk.used + 3000
    with pytest.raises(PersistenceError, match="full"):
        persistence.commit({"b": "x" * 20_000}, {})
    assert persistence.load() == ({"a": "1"}, {})
    base.faults.capacity = None
    persistence.commit({"b": "2"}, {})
    simulation.crash(process)
    base.crash(Loss.ALL)
    assert base.open(Process("second")).load() == ({"a": "1", "b": "2"}, {})


@pytest.mark.no_cover
def test_opening_takes_milliseconds():
    _, base, process = made()
    base.open(process).close()
    took = []
    for _ in range(20):
        began = time.process_time()
        base.open(process).close()
        took.append(time.process_time() - began)
    assert min(took) < 0.02


def test_the_names_of_processes_do_not_end_up_in_the_files():
    """So that a run is the same whatever ran before it."""
    contents = []
    for _ in range(2):
        _, base, process = made()
        run(base, process, [])
        folder = base.disk.root.names["database"].names
        contents.append({name: bytes(node.content) for name, node in folder.items()})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {"control.db"}
