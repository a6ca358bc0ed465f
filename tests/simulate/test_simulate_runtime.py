"""The simulated runtime itself: order by seed, time without waiting, and ends by power cuts."""

import time

import pytest

from onvif_bmff.runtime import ThreadedRuntime, WorkQueue
from onvif_bmff.timing import UtcTime
from tests.simulate.runtime import Crashed, Process, SimulatedRuntime, Simulation, SimulationError


def made(seed=1, **more):
    simulation = Simulation(seed, **more)
    process = Process("device")
    return simulation, SimulatedRuntime(simulation, process, lambda at: UtcTime(int(at * 1e6)))


def walk(seed):
    simulation, runtime = made(seed, preemption=0.5)
    lock, said = runtime.lock(), []

    def run(name):
        for number in range(5):
            with lock:
                said.append((name, number))
            runtime.sleep(0.1)

    tasks = [runtime.spawn(lambda name=name: run(name), name) for name in "abc"]
    assert all(task.join() for task in tasks)
    return said, simulation.time


def test_the_same_seed_gives_the_same_run():
    assert walk(3) == walk(3)


def test_seeds_differ_in_order_only():
    runs = [walk(seed) for seed in range(20)]
    assert len({tuple(said) for said, _ in runs}) > 10
    assert {tuple(sorted(said)) for said, _ in runs} == {tuple(sorted(runs[0][0]))}


def test_a_week_of_waiting_takes_no_time():
    simulation, runtime = made()
    began = time.process_time()
    runtime.sleep(7 * 86400)
    assert simulation.time == 7 * 86400
    assert time.process_time() - began < 5


def test_a_flag_wakes_who_waits_and_a_timeout_ends_it():
    simulation, runtime = made()
    flag = runtime.flag()
    assert not flag.wait(2)
    assert simulation.time == 2
    runtime.spawn(lambda: (runtime.sleep(3), flag.set()), "setter")
    assert flag.wait(60)
    assert simulation.time == 5
    assert flag.wait(0)


def test_only_one_task_is_in_a_lock_and_its_holder_may_enter_again():
    _, runtime = made(preemption=1.0)
    lock, inside, most = runtime.lock(), 0, 0

    def run():
        nonlocal inside, most
        for _ in range(20):
            with lock, lock:
                inside += 1
                most = max(most, inside)
                runtime.sleep(0.01)
                inside -= 1

    tasks = [runtime.spawn(run, str(number)) for number in range(4)]
    assert all(task.join() for task in tasks)
    assert most == 1


def test_a_power_cut_ends_all_tasks_wherever_they_wait():
    simulation, runtime = made()
    lock, flag, ended = runtime.lock(), runtime.flag(), []

    def run(wait):
        try:
            wait()
        finally:
            ended.append(wait)

    def hold():
        with lock:
            runtime.sleep(1e9)

    def want():
        with lock:
            ended.append("never")

    waits = [hold, want, flag.wait, lambda: runtime.sleep(5)]
    for wait in waits:
        runtime.spawn(lambda wait=wait: run(wait), "task")
        simulation.sleep(0.1)
    simulation.crash(runtime.process)
    assert sorted(map(id, ended)) == sorted(map(id, waits))
    assert simulation.running(runtime.process) == []
    assert simulation.faults == []
    with pytest.raises(Crashed):
        runtime.now()
    with pytest.raises(Crashed):
        runtime.spawn(hold, "more")


def test_what_a_task_raises_is_a_fault_of_the_run():
    simulation, runtime = made()
    runtime.spawn(lambda: 1 / 0, "divides").join()
    assert [(name, type(error)) for name, error in simulation.faults] == [("divides", ZeroDivisionError)]


def test_tasks_that_wait_for_each_other_are_found():
    _, runtime = made()
    first, second = runtime.lock(), runtime.lock()

    def run(one, other):
        with one:
            runtime.sleep(1)
            with other:
                pass

    tasks = [runtime.spawn(lambda: run(first, second), "a"), runtime.spawn(lambda: run(second, first), "b")]
    with pytest.raises(SimulationError):
        tasks[0].join()


@pytest.mark.parametrize("runtime", [made()[1], ThreadedRuntime()], ids=["simulated", "threaded"])
def test_a_queue_gives_all_in_order(runtime):
    queue, got = WorkQueue(runtime), []
    assert queue.take(0.01) is None

    def read():
        while (item := queue.take()) != "end":
            got.append(item)

    task = runtime.spawn(read, "reader")
    for number in range(100):
        queue.put(number)
    queue.put("end")
    assert task.join(60)
    assert [one for one in got if one is not None] == list(range(100))
