"""Profiles from before there was a base: all of them become the base.

What of them came from files, and what from a log that may be gone, cannot be told any more.
"""

from typing import Any

from django.db import migrations, transaction

ROWS = 20_000
COLUMNS = "listener_id, song_id, value, order_key, event_id, updated_at"
COPY = f"""
INSERT INTO profile_base ({COLUMNS})
SELECT {COLUMNS} FROM user_profile WHERE id > %s AND id <= %s
ON CONFLICT (listener_id, song_id) DO UPDATE SET
    value = excluded.value, order_key = excluded.order_key,
    event_id = excluded.event_id, updated_at = excluded.updated_at
WHERE (excluded.order_key, excluded.event_id) > (profile_base.order_key, profile_base.event_id)
"""
LAST_OF_CHUNK = """
SELECT max(id) FROM (SELECT id FROM user_profile WHERE id > %s ORDER BY id LIMIT %s) AS chunk
"""


def seed(_apps: Any, schema_editor: Any) -> None:
    """Copy the profiles, chunk by chunk; after a kill it begins again and ends the same."""
    connection = schema_editor.connection
    after = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(LAST_OF_CHUNK, [after, ROWS])
            (last,) = cursor.fetchone()
            if last is None:
                return
            with transaction.atomic(using=connection.alias):
                cursor.execute(COPY, [after, last])
            after = last


class Migration(migrations.Migration):
    # So that no writer waits for all of it.
    atomic = False
    dependencies = [("recommendations", "0004_forgotten_to_the_end")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
