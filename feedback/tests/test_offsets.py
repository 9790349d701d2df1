"""Ids of records that bring none."""

import uuid

from feedback.offsets import PLACES, own_id


def test_the_id_of_a_place_is_the_uuid_of_version_5_that_it_has_always_been() -> None:
    # Another id for the same record would apply it once more.
    for offset in range(300):
        place = f"{offset % 4}:song_likes:{offset % 3}:{offset**3}"
        made = own_id(offset % 4, "song_likes", offset % 3, offset**3)

        assert made == uuid.uuid5(PLACES, place).hex
