"""Training time: counted once, over all sessions."""

from types import SimpleNamespace

import pytest

from dlheir.callbacks import clock as module
from dlheir.callbacks.clock import TrainingClock


@pytest.fixture
def now(monkeypatch):
    """A clock that the test sets."""
    time = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(module.time, "perf_counter", lambda: time.seconds)
    return time


def session(clock, now, epochs):
    clock.on_train_start(None, None)
    states = []
    for seconds in epochs:
        now.seconds += seconds
        clock.on_train_epoch_end(None, None)
        states.append(clock.state_dict())
    return states


def test_sessions_add_up_and_lost_epochs_do_not_count(now):
    killed = TrainingClock()
    states = session(killed, now, [3, 4, 5])
    resumed = TrainingClock()
    resumed.load_state_dict(states[1])  # killed before the third epoch's checkpoint
    now.seconds += 1000
    session(resumed, now, [6])
    assert resumed.seconds == 3 + 4 + 6


def test_testing_an_earlier_checkpoint_changes_nothing(now):
    clock = TrainingClock()
    best, last = session(clock, now, [3, 4])
    for tested in (best, last):
        clock.load_state_dict(tested)
        assert clock.seconds == 7
