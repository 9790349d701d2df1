"""The mark of the catalogue, and the triggers that change it with every change of a song.

SQLite drops a table's triggers when it is made anew, as Django does to alter one: a later migration
that alters ``song`` must run ``watch`` again (a test fails where it does not).
"""

import uuid
from typing import Any

from django.db import migrations, models

EVENTS = ("INSERT", "UPDATE", "DELETE")

SQLITE = """
CREATE TRIGGER song_{name} AFTER {event} ON song BEGIN
  INSERT INTO catalogue_mark (id, mark) VALUES (1, hex(randomblob(16)))
  ON CONFLICT (id) DO UPDATE SET mark = excluded.mark;
END
"""
POSTGRES = """
CREATE FUNCTION song_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO catalogue_mark (id, mark) VALUES (1, gen_random_uuid()::text)
  ON CONFLICT (id) DO UPDATE SET mark = excluded.mark;
  RETURN NULL;
END $$;
CREATE TRIGGER song_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON song
  FOR EACH STATEMENT EXECUTE FUNCTION song_changed();
"""


def watch(apps: Any, schema_editor: Any) -> None:
    """Make the triggers, and a first mark for the songs that there are already."""
    mark = apps.get_model("recommendations", "CatalogueMark")
    mark.objects.using(schema_editor.connection.alias).get_or_create(
        pk=1, defaults={"mark": uuid.uuid4().hex}
    )
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(POSTGRES, params=None)
        return
    for event in EVENTS:
        schema_editor.execute(SQLITE.format(name=event.lower(), event=event), params=None)


def unwatch(_apps: Any, schema_editor: Any) -> None:
    """Drop them."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP TRIGGER song_changed ON song; DROP FUNCTION song_changed()")
        return
    for event in EVENTS:
        schema_editor.execute(f"DROP TRIGGER song_{event.lower()}")


class Migration(migrations.Migration):
    dependencies = [("recommendations", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="CatalogueMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("mark", models.CharField(max_length=36)),
            ],
            options={"db_table": "catalogue_mark"},
        ),
        migrations.RunPython(watch, unwatch),
    ]
