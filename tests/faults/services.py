"""Brokers, servers and installations that scenarios share, made when one first asks for them."""

import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests import postgres
from tests.faults.forms import Form
from tests.faults.scenario import EMBEDDED, POSTGRES, Outcome, Scenario
from tests.faults.template import Template
from tests.faults.world import World
from tests.kafka.broker import Broker

SEED: Final = 20260701


class Services:
    """What must be there before a world can be. Everything ends with the block.

    Threads may run scenarios side by side.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._stack = folder, ExitStack()
        self._making = threading.Lock()
        self._brokers: dict[str, Broker] = {}
        self._templates: dict[str, Template] = {}

    def __enter__(self) -> Self:
        """Nothing is started before it is needed."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what was started."""
        self._stack.close()

    def lend(self, broker: Broker) -> None:
        """Use a broker of somebody else's where scenarios do it no harm."""
        self._brokers["healthy"] = broker

    def run(self, scenario: Scenario, transport: str, form: Form) -> Outcome:
        """Do a scenario's fault to a world of its own."""
        folder = self._folder / f"{scenario.number}-{transport}"
        broker = None
        with self._making:
            if transport != EMBEDDED:
                broker = self._broker(_victim() if scenario.hurts_broker else "healthy")
            template = self._template("postgres" if transport == POSTGRES else "sqlite")
        world = World(folder, template, broker, SEED + scenario.number, **form.settings)
        try:
            return scenario.run(world, form)
        finally:
            world.stop()

    def _broker(self, name: str) -> Broker:
        """The healthy one runs; a victim is as the last scenario left it."""
        if name not in self._brokers:
            self._brokers[name] = Broker(self._folder / name)
            self._stack.callback(self._brokers[name].kill)
        broker = self._brokers[name]
        if name == "healthy" and not broker.is_running:
            broker.start()
        return broker

    def _template(self, database: str) -> Template:
        if database not in self._templates:
            url = ""
            if database == "postgres":
                where = postgres.programs()
                if where is None:
                    raise RuntimeError("Postgres (the program initdb) is not there")
                url = self._stack.enter_context(postgres.server(where))
            self._templates[database] = Template(self._folder / f"template-{database}", url)
        return self._templates[database]


def _victim() -> str:
    """The name of the broker that the scenarios of this thread may hurt."""
    return f"victim-{threading.get_ident()}"
