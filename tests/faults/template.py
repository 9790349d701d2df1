"""An installation as every world begins: made once a database, copied for each fault."""

import shutil
import uuid
from pathlib import Path
from typing import Final

import psycopg

from tests.faults import audit
from tests.faults.database import Database
from tests.installation import Installation
from tests.kafka.broker import Broker

SONGS: Final = tuple(f"s{number}" for number in range(40))
SECRET: Final = "of-the-fault-harness-" * 3


class Template:
    """An installation with songs, a service key and the audit's triggers: made once, copied often.

    postgres: the address of an empty database of a server; worlds are then databases beside it.
    """

    def __init__(self, folder: Path, postgres: str = "") -> None:
        self.folder, self.postgres = folder, postgres
        here = Installation(folder, **environment(postgres))
        here.manage("migrate", "--verbosity", "0")
        songs = folder / "songs.csv"
        songs.write_text(
            "song_id,title,artist,genre\n" + "".join(f"{song},{song},,\n" for song in SONGS)
        )
        here.manage("loadcsv", "--songs", str(songs))
        self.credential = here.manage("issue_token", "--service", "faults")
        audit.install(Database(folder / "musicrec.sqlite3", postgres))

    def copy(self, folder: Path) -> str:
        """Make a copy; returns its DATABASE_URL."""
        shutil.copytree(self.folder, folder)
        if not self.postgres:
            return ""
        name = f"world_{uuid.uuid4().hex}"
        with psycopg.connect(self.postgres, dbname="template1", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE postgres")
        return self.postgres.rpartition("/")[0] + "/" + name


def environment(database_url: str, broker: Broker | None = None) -> dict[str, str]:
    """The settings of a world."""
    made = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET}
    if broker is not None:
        own = f"faults-{uuid.uuid4().hex}"
        made |= {"KAFKA_BOOTSTRAP_SERVERS": broker.address, "LIKES_TOPIC": own, "LIKES_GROUP": own}
    return made
