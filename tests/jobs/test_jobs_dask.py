"""Jobs in a Dask cluster: the same result, also where a worker is killed."""

import pytest
from jobs_kit import damaged_objects, die_once, directory, double, memory, reader
from test_jobs_validating import result

from onvif_bmff.cli.main import main
from onvif_bmff.errors import StoreError
from onvif_bmff.jobs import StoreAddress, Workers, validate_by_workers
from onvif_bmff.validation import validate_store

distributed = pytest.importorskip("distributed", reason="Dask is missing (extra dask)")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Dask's own, of a cluster that is closed
]


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as made:
        yield made


def test_dask_gives_results_in_order(cluster):
    with Workers.dask(cluster.scheduler_address) as workers:
        assert list(workers.run(double, range(50))) == [2 * number for number in range(50)]


def test_a_validation_by_dask_is_that_of_one_process(cluster, tmp_path):
    directory(tmp_path, damaged_objects(2))
    expected = result(validate_store(memory(damaged_objects(2)), unwrapper=reader().unwrapper))
    with Workers.dask(cluster.scheduler_address) as workers:
        found = validate_by_workers(StoreAddress(str(tmp_path)), workers, unwrapper=reader().unwrapper)
        assert result(found) == expected


def test_dask_runs_the_tasks_of_a_killed_worker_again(cluster, tmp_path):
    with Workers.dask(cluster.scheduler_address) as workers:
        assert list(workers.run(die_once, [(number, tmp_path) for number in range(10)])) == list(range(10))
    assert len(list(tmp_path.glob("*.died"))) == 2


def test_a_job_may_be_given_up_after_its_workers_were_closed(cluster):
    workers = Workers.dask(cluster.scheduler_address)
    job = workers.run(double, range(50))
    assert next(job) == 0
    workers.close()
    job.close()
    assert list(job) == []


def test_the_command_takes_an_address(cluster, tmp_path, capsys):
    directory(tmp_path, damaged_objects(1))
    assert main(["timeline", str(tmp_path), "--json"]) == 0
    expected = capsys.readouterr().out
    assert main(["timeline", str(tmp_path), "--json", "--dask", cluster.scheduler_address]) == 0
    assert capsys.readouterr().out == expected


def test_no_scheduler_is_one_line():
    with pytest.raises(StoreError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9"):
        Workers.dask("tcp://127.0.0.1:9")
    with pytest.raises(StoreError, match="no Dask scheduler"):
        Workers.dask("nonsense://")
