"""One holder at a time: free, held, expired, renewed, given back."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from recommendations.leases import Hold, LeaseTaken, acquire, lease
from recommendations.models import Lease

pytestmark = pytest.mark.django_db


def expire(name: str) -> None:
    Lease.objects.filter(name=name).update(expires_at=Now() - timedelta(milliseconds=1))


def test_a_free_lease_is_taken_and_a_held_one_is_refused() -> None:
    first = acquire("relay")

    assert first is not None
    assert first.valid
    assert acquire("relay") is None
    assert acquire("training") is not None


def test_an_expired_lease_goes_to_the_next_and_the_old_holder_cannot_renew_it() -> None:
    first = acquire("relay")
    assert first is not None
    expire("relay")

    second = acquire("relay")

    assert second is not None
    assert not first.take()
    assert not first.valid
    assert second.take()


def test_a_late_release_does_not_take_the_lease_from_its_new_holder() -> None:
    first = acquire("relay")
    assert first is not None
    expire("relay")
    second = acquire("relay")

    first.release()

    assert second is not None
    assert Lease.objects.get(name="relay").holder == second.holder


def test_a_block_gives_the_lease_back_even_when_it_fails() -> None:
    with pytest.raises(ZeroDivisionError), lease("training", renew=False):
        raise ZeroDivisionError

    assert acquire("training") is not None


def test_a_block_whose_lease_is_taken_does_not_start() -> None:
    acquire("training")

    with pytest.raises(LeaseTaken, match="training"), lease("training", renew=False):
        pytest.fail("the block ran without its lease")


@pytest.mark.django_db(transaction=True)
def test_a_held_lease_is_renewed_past_its_time_to_live() -> None:
    with lease("training", ttl_seconds=0.3) as hold:
        first_expiry = Lease.objects.get(name="training").expires_at
        renewed = threading.Event()
        while Lease.objects.get(name="training").expires_at <= first_expiry:
            assert not renewed.wait(0.01)
        assert hold.valid

    assert not Lease.objects.filter(name="training").exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_exactly_one_gets_the_lease() -> None:
    start = threading.Barrier(8)
    got: list[Hold] = []

    def ask() -> None:
        start.wait()
        hold = acquire("training")
        if hold is not None:
            got.append(hold)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(got) == 1
