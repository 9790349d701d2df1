"""Taking turns at writing: who has waited comes before who has just written."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction

from recommendations import write_turns
from recommendations.write_turns import write_turn

pytestmark = pytest.mark.django_db(transaction=True)

HOLDER = """
import fcntl, os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def on_sqlite() -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a server database orders its writers itself")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def lock_file(name: str) -> Path:
    return Path(f"{connection.settings_dict['NAME']}-{name}")


def is_held(name: str) -> bool:
    file = os.open(lock_file(name), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def test_who_waits_comes_before_who_has_just_written() -> None:
    order: list[str] = []

    def wait_for_it() -> None:
        with write_turn():
            order.append("waited")

    thread = threading.Thread(target=wait_for_it)
    with write_turn():
        thread.start()
        until(lambda: is_held("backlogs"))
    with write_turn():
        order.append("again")
    thread.join(10)

    assert order == ["waited", "again"]


def test_a_client_goes_before_a_backlog_that_waited_before_it(monkeypatch: Any) -> None:
    monkeypatch.setattr(write_turns, "STAND_BACK_SECONDS", 60.0)
    monkeypatch.setattr(write_turns, "PATIENCE_SHARE", 3.0)
    order: list[str] = []
    looked: list[str] = []
    client_may_look = threading.Event()

    def wait_for_it() -> None:
        name = threading.current_thread().name
        with write_turn(before_backlogs=name == "client"):
            order.append(name)

    def sleep(seconds: float) -> None:
        looked.append(threading.current_thread().name)
        if looked[-1] == "client":
            client_may_look.wait(10)
        time.sleep(seconds)

    monkeypatch.setattr(write_turns, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    backlog = threading.Thread(target=wait_for_it, name="backlog")
    client = threading.Thread(target=wait_for_it, name="client")
    with write_turn():
        backlog.start()
        until(lambda: "backlog" in looked)
        client.start()
        until(lambda: "client" in looked)
    # The turn is free. The backlog looks first: the first of these two may have begun earlier.
    before = looked.count("backlog")
    until(lambda: bool(order) or looked.count("backlog") >= before + 2)
    client_may_look.set()
    client.join(10)
    backlog.join(10)

    assert order == ["client", "backlog"]


def test_a_backlog_does_not_stand_back_for_ever_where_clients_always_wait() -> None:
    always = os.open(lock_file("clients"), os.O_RDWR | os.O_CREAT)
    fcntl.flock(always, fcntl.LOCK_EX)
    try:
        before = time.monotonic()
        with write_turn():
            stood_back = time.monotonic() - before
    finally:
        os.close(always)

    assert stood_back >= write_turns.STAND_BACK_SECONDS


def test_nobody_else_has_the_turn_meanwhile_and_an_error_ends_it() -> None:
    def fail() -> None:
        with write_turn():
            assert is_held("turn")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not is_held("turn")


def test_the_turn_of_a_process_that_was_killed_is_free() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(lock_file("turn"))], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert is_held("turn")
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)

    with write_turn():
        assert is_held("turn")


def test_a_turn_that_never_ends_is_not_waited_for_for_ever(monkeypatch: Any) -> None:
    monkeypatch.setattr(write_turns, "PATIENCE_SHARE", 0.001)
    went_on = threading.Event()

    def go_on() -> None:
        with write_turn():
            went_on.set()

    with write_turn():
        thread = threading.Thread(target=go_on)
        thread.start()
        assert went_on.wait(10)
    thread.join(10)


def test_inside_a_transaction_nothing_is_waited_for(monkeypatch: Any) -> None:
    with write_turn(), transaction.atomic():
        # With a turn of its own it would wait for itself.
        monkeypatch.setattr(write_turns, "_turn_of", pytest.fail)
        with write_turn():
            assert is_held("turn")


def test_where_no_lock_file_can_be_made_writing_goes_on(monkeypatch: Any) -> None:
    def full(*_args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write_turns, "_opened", full)
    with write_turn():
        assert not is_held("turn")
