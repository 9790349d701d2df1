"""Telling a broker that answers from one that is away, hangs, or is something else."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from struct import pack

import pytest

from musicrec.reachability import _host_and_port, kafka_fault, redis_fault

Answer = Callable[[bytes], bytes]


@contextmanager
def server(answer: Answer | None) -> Iterator[str]:
    """A server of one connection that says what ``answer`` makes of a request; None: it hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                if answer is None:
                    done.wait(10)
                else:
                    connection.sendall(answer(connection.recv(1024)))

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            done.set()
            thread.join(10)


@pytest.fixture
def closed_port() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"127.0.0.1:{listening.getsockname()[1]}"


def kafka(request: bytes) -> bytes:
    """The head of a broker's answer: its length, and the request's correlation id."""
    return pack(">i", 10) + request[8:12] + b"\0" * 6


def test_a_broker_that_answers_has_no_fault() -> None:
    with server(kafka) as address:
        assert kafka_fault([address], 2.0) is None


def test_one_broker_that_answers_is_enough(closed_port: str) -> None:
    with server(kafka) as address:
        assert kafka_fault([closed_port, address], 2.0) is None


def test_a_broker_that_hangs_is_given_up_in_time() -> None:
    with server(None) as address:
        fault = kafka_fault([address], 0.1)

    assert fault is not None
    assert "timed out" in fault


def test_something_else_is_not_taken_for_a_broker() -> None:
    with server(lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        assert "Kafka" in (kafka_fault([address], 2.0) or "")
    with server(lambda _: b"") as address:
        assert "hung up" in (kafka_fault([address], 2.0) or "")


def test_nobody_there_is_a_fault_that_names_the_address(closed_port: str) -> None:
    assert closed_port in (kafka_fault([closed_port], 1.0) or "")
    assert kafka_fault(["nonsense:port"], 1.0) is not None
    assert redis_fault(f"redis://{closed_port}/0", 0.2) is not None


def test_a_redis_that_answers_has_no_fault_and_one_that_hangs_is_given_up() -> None:
    with server(None) as address:
        assert redis_fault(f"redis://{address}/0", 0.1) is not None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kafka", ("kafka", 9092)),
        ("kafka:19092", ("kafka", 19092)),
        ("PLAINTEXT://kafka:19092", ("kafka", 19092)),
        ("[::1]:19092", ("::1", 19092)),
        ("[::1]", ("::1", 9092)),
    ],
)
def test_addresses_of_brokers_are_read_as_kafka_clients_do(
    text: str, expected: tuple[str, int]
) -> None:
    assert _host_and_port(text) == expected
