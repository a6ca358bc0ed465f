"""Recording jobs: create, delete, configure, mode, state (5.13 to 5.19), and their receivers."""

from dataclasses import replace

from onvif_bmff.control.faults import BadConfiguration, BadMode, MaxReceivers, MaxRecordingJobs
from onvif_bmff.control.notifications import RecordingJobConfigurationChange
from onvif_bmff.control.operations.checks import check_types
from onvif_bmff.control.operations.gates import open_gate
from onvif_bmff.control.operations.job_validation import accept_job_configuration
from onvif_bmff.control.state import Job
from onvif_bmff.control.transaction import Transaction, as_text
from onvif_bmff.control.types.common import SourceReference
from onvif_bmff.control.types.job_configuration import (
    GetRecordingJobsResponseItem,
    RecordingJobConfiguration,
    RecordingJobMode,
)
from onvif_bmff.control.types.receiver import Receiver, ReceiverConfiguration

__all__ = [
    "create_job",
    "delete_job",
    "set_job_configuration",
    "set_job_mode",
]


def create_job(tx: Transaction, configuration: RecordingJobConfiguration) -> GetRecordingJobsResponseItem:
    """CreateRecordingJob (5.13)."""
    accepted = accept_job_configuration(tx.environment, tx.state, configuration)
    environment = tx.environment
    device_limit, own_limit = environment.capabilities.max_recording_jobs, environment.limits.jobs_per_recording
    if device_limit is not None and len(tx.state.jobs) >= device_limit:
        raise MaxRecordingJobs
    if own_limit is not None and len(tx.state.jobs_of(accepted.recording_token)) >= own_limit:
        raise MaxRecordingJobs
    accepted = _create_receivers(tx, accepted)
    token = tx.new_token("job")
    active = accepted.mode == RecordingJobMode.ACTIVE
    activation = tx.state.next_activation() if active else 0
    tx.state.jobs[token] = Job(token, tx.state.next_order(), activation, accepted)
    open_gate(tx, token, accepted)
    return GetRecordingJobsResponseItem(token, accepted)


def delete_job(tx: Transaction, job_token: str) -> None:
    """DeleteRecordingJob (5.14)."""
    tx.drop_job(tx.job(job_token))


def set_job_configuration(
    tx: Transaction, job_token: str, configuration: RecordingJobConfiguration
) -> RecordingJobConfiguration:
    """SetRecordingJobConfiguration (5.16)."""
    job = tx.job(job_token)
    check_types(configuration, RecordingJobConfiguration, "JobConfiguration")
    if configuration.recording_token != job.configuration.recording_token:
        raise BadConfiguration("the recording of a job cannot be changed")
    accepted = accept_job_configuration(tx.environment, tx.state, configuration, job)
    # The job releases its receivers before new ones are made, so that a full device can still swap them.
    tx.state.jobs[job.token] = replace(job, configuration=accepted)
    tx.drop_unused_receivers()
    accepted = _create_receivers(tx, accepted)
    _store(tx, job, accepted)
    if accepted.event_filter != job.configuration.event_filter:
        open_gate(tx, job.token, accepted)
    return accepted


def set_job_mode(tx: Transaction, job_token: str, mode: str) -> None:
    """SetRecordingJobMode (5.18): the configuration with another mode."""
    job = tx.job(job_token)
    if as_text(mode, "Mode") not in set(RecordingJobMode):
        raise BadMode
    _store(tx, job, replace(job.configuration, mode=RecordingJobMode(mode)))


def _store(tx: Transaction, job: Job, configuration: RecordingJobConfiguration) -> None:
    activation = job.activation
    if configuration.mode == RecordingJobMode.ACTIVE and job.configuration.mode != RecordingJobMode.ACTIVE:
        activation = tx.state.next_activation()
    tx.state.jobs[job.token] = replace(job, activation=activation, configuration=configuration)
    tx.emit(RecordingJobConfigurationChange(time=tx.now, recording_job_token=job.token, configuration=configuration))


# ---- receivers ---------------------------------------------------------------------------------------


def _create_receivers(tx: Transaction, configuration: RecordingJobConfiguration) -> RecordingJobConfiguration:
    """Make the receivers that sources request (5.1, 5.3.3): empty ones, until the client configures them."""
    return replace(
        configuration,
        source=tuple(
            replace(source, source_token=_new_receiver(tx), auto_create_receiver=None)
            if source.auto_create_receiver
            else source
            for source in configuration.source
        ),
    )


def _new_receiver(tx: Transaction) -> SourceReference:
    if len(tx.state.receivers) >= tx.environment.limits.receivers:
        raise MaxReceivers
    token = tx.new_token("receiver")
    tx.state.receivers[token] = Receiver(token, ReceiverConfiguration(), auto_created=True)
    return SourceReference(token)
