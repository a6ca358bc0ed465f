"""Tasks in any executor: in order, few at a time, and again where workers are lost."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from jobs_kit import die_always, die_once, double, fail_on_seven, interrupts

from onvif_bmff.errors import OnvifBmffError, StoreError
from onvif_bmff.jobs import Shared, Workers, WorkersLostError, tasks


class Here(Executor):
    """An executor that runs each task where it is handed over."""

    def __init__(self):
        self.outstanding = self.most = 0

    def submit(self, function, /, *args, **kwargs):
        self.outstanding += 1
        self.most = max(self.most, self.outstanding)
        future = Future()
        future.set_result(function(*args, **kwargs))
        return future


def test_results_come_in_the_order_of_the_tasks():
    with ThreadPoolExecutor(3) as pool:
        assert list(Workers(pool, 3).run(double, range(100))) == [2 * number for number in range(100)]


def test_a_worker_that_begins_meets_no_interrupt_before_it_ignores_it():
    """The terminal sends an interrupt to all processes; one that begins would die of it, with a traceback."""
    ending = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    script = "import signal; print(*sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))))"
    with tasks._signals_wait():
        child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before | ending
    assert set(map(int, child.stdout.split())) >= set(map(int, ending))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    with Workers.processes(1) as workers:
        assert list(workers.run(interrupts, [0])) == [(True, [])]


def test_few_tasks_are_taken_at_a_time():
    executor, taken = Here(), 0

    def tasks():
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    found = Workers(executor, 2).run(double, tasks())
    for number in range(1000):
        assert next(found) == 2 * number
        executor.outstanding -= 1
        assert taken <= number + 1 + 8
    assert executor.most <= 8
    assert list(found) == []


def test_the_error_of_a_task_comes_in_its_place():
    with ThreadPoolExecutor(2) as pool:
        found = Workers(pool, 2).run(fail_on_seven, range(20))
        assert [next(found) for _ in range(7)] == list(range(7))
        with pytest.raises(OnvifBmffError, match="/moov at byte 7: seven"):
            next(found)


def test_a_task_can_be_run_again_in_its_place():
    with ThreadPoolExecutor(2) as pool:
        again = Workers(pool, 2).run(double, range(20), again=lambda task, _: task + 100 if task < 5 else None)
        assert list(again) == [200, 202, 204, 206, 208, *range(10, 40, 2)]


def test_processes_that_are_killed_lose_nothing(tmp_path):
    with Workers.processes(2) as workers:
        tasks = [(number, tmp_path) for number in range(20)]
        assert list(workers.run(die_once, tasks)) == list(range(20))
        assert list(workers.run(double, range(3))) == [0, 2, 4]
    assert len(list(tmp_path.glob("*.died"))) == 4


def test_a_task_that_kills_its_workers_is_given_up_by_name():
    with Workers.processes(2) as workers:
        found = workers.run(die_always, range(20))
        with pytest.raises(WorkersLostError, match=r"3 workers.*: 3$"):
            list(found)


def test_errors_of_processes_are_errors_of_the_library():
    with Workers.processes(1) as workers, pytest.raises(StoreError, match="/moov at byte 7: seven"):
        list(workers.run(fail_on_seven, range(20)))


def test_an_executor_that_cannot_be_renewed_is_an_error(tmp_path):
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with pool, pytest.raises(WorkersLostError, match="run the job again"):
        list(Workers(pool, 1).run(die_once, [(2, tmp_path)]))


def test_no_workers_are_refused():
    with pytest.raises(StoreError, match="at least one"):
        Workers.processes(0)


def test_a_shared_value_is_one_object_in_a_process():
    one = Shared({"a": 1})
    first, second = (pickle.loads(pickle.dumps(one)) for _ in range(2))
    assert first is second
    assert first.value == {"a": 1}


def test_processes_end_with_their_parent(tmp_path):
    """Also if it is killed: nothing is left that waits for work."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        "from onvif_bmff.jobs import Workers\n"
        "from os import getpid\n"
        "if __name__ == '__main__':\n"
        "    workers = Workers.processes(1)\n"
        "    from jobs_kit import pid_of\n"
        "    print(next(workers.run(pid_of, [0])), flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    for _ in range(200):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("a worker outlived its parent")


def test_what_cannot_be_given_to_processes_is_an_error_of_the_library():
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor,
        pytest.raises(StoreError, match="cannot be given this store, but its address"),
    ):
        list(Workers(executor, 1).run(double, [Shared(threading.Lock())]))
