"""How long after a like the recommendations show it, while likes come in at a rate."""

import http.client
import json
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.feedback.figures import Figure, Plot, Results, spread
from benchmarks.feedback.stands import Stand, stand
from benchmarks.http_load import begin, gathered, percentile_ms

LIKES_A_SECOND = 100
# Of these so many are looked for in the recommendations. Looking costs far more than liking.
LOOKED_FOR_A_SECOND = 5
WATCHERS = 4
CONNECTIONS = 8
POLL_SECONDS = 0.005
GIVE_UP_SECONDS = 30.0
# Until group and connections have formed and all workers have read the model.
WARM_UP_LIKES = 4


def measure(results: Results, seconds: int, *, kafka: bool) -> None:
    """At a steady rate of likes: from the sending of a like until the list leaves its song out."""
    where = "SQLite, Kafka" if kafka else "SQLite, embedded"
    label = "kafka" if kafka else "embedded"
    with stand(kafka=kafka, trained=True) as here:
        here.here.start("consumer", "consume_likes")
        if kafka:
            here.here.start("relay", "relay_likes")
        # Whoever is looked for is left alone by the others.
        watched = here.users[: WARM_UP_LIKES + LOOKED_FOR_A_SECOND * seconds]
        others = here.users[len(watched) :]
        watchers = _Watchers(here)
        watchers.look_for(watched[:WARM_UP_LIKES], per_second=1)
        rate = LIKES_A_SECOND - LOOKED_FOR_A_SECOND
        calls = [here.like_call(here.rng.choice(others)) for _ in range(rate * seconds)]
        loading = begin(here.web.address, calls, CONNECTIONS, rate=rate)
        delays = watchers.look_for(watched[WARM_UP_LIKES:], per_second=LOOKED_FOR_A_SECOND)
        timing = gathered(loading)
    results.figures.append(
        Figure(
            f"visible_{label}",
            f"p99 from a like to the changed list, {LIKES_A_SECOND} likes a second",
            where,
            percentile_ms(delays, 99),
            "ms",
            f"{spread(delays)} of {len(delays)} that were looked for;"
            f" acknowledged: {spread(timing.latencies)}",
        )
    )
    title = f"One like of {LIKES_A_SECOND} a second, {where}"
    curves = {"visible": delays, "acknowledged": timing.latencies}
    results.plots.append(Plot(f"visible-{label}", title, curves))


@dataclass
class _Watchers:
    """Threads that like and look."""

    here: Stand
    _delays: list[float] = field(default_factory=list)
    _failures: list[BaseException] = field(default_factory=list)

    def look_for(self, users: list[str], *, per_second: float) -> list[float]:
        """Let each user like their best song when it is due; seconds until it had left the list."""
        due: queue.SimpleQueue[tuple[float, str] | None] = queue.SimpleQueue()
        start = time.perf_counter()
        for number, user_id in enumerate(users):
            due.put((start + (number + 1) / per_second, user_id))
        threads = [threading.Thread(target=self._work, args=[due]) for _ in range(WATCHERS)]
        for thread in threads:
            due.put(None)
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise SystemExit(str(self._failures[0]))
        delays, self._delays = self._delays, []
        return delays

    def _work(self, due: "queue.SimpleQueue[tuple[float, str] | None]") -> None:
        try:
            listener = _Listener(self.here)
            while (task := due.get()) is not None:
                self._delays.append(listener.delay(*task))
        except (OSError, http.client.HTTPException, AssertionError, LookupError) as error:
            self._failures.append(error)


class _Listener:
    """One connection that likes and looks."""

    def __init__(self, here: Stand) -> None:
        host, _, port = here.web.address.removeprefix("http://").partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=GIVE_UP_SECONDS)
        self._headers = {"Authorization": f"Bearer {here.key}", "Content-Type": "application/json"}

    def delay(self, due: float, user_id: str) -> float:
        """Seconds from when the like was due until the recommendations left its song out."""
        address = f"/api/v1/users/{user_id}"
        best = self._first_song(address)
        time.sleep(max(0.0, due - time.perf_counter()))
        # Not from when it was due where this thread comes late: that is not the system's fault.
        began = time.perf_counter()
        self._call("PUT", f"{address}/likes/{best}", '{"action":"like"}')
        while self._first_song(address) == best:
            waited = time.perf_counter() - began
            assert waited < GIVE_UP_SECONDS, f"the like of {best} by {user_id} did not show"
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - began

    def _first_song(self, address: str) -> str:
        answer = self._call("GET", f"{address}/recommendations?limit=1")
        return str(answer["results"][0]["song"]["song_id"])

    def _call(self, method: str, path: str, body: str | None = None) -> Any:
        self._connection.request(method, path, body, self._headers)
        response = self._connection.getresponse()
        text = response.read()
        assert response.status < 300, f"{method} {path}: {response.status} {text!r}"
        return json.loads(text)
