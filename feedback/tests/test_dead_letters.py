"""Looking after dead letters: by command and in the admin."""

import json
import re
import signal
import uuid
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from feedback import admin as feedback_pages
from feedback import dead_letters, events
from feedback.applying import apply
from feedback.events import Record
from feedback.models import AppliedEvent, DeadLetter, OutboxEvent
from feedback.reasons import Reason
from feedback.strict_json import Unreadable
from feedback.tests.paths import profile, say
from feedback.tests.test_retention import counted_turns
from feedback.tests.test_rules import POISON
from recommendations import admin as pages
from recommendations.models import Song

pytestmark = pytest.mark.django_db

NOON_US = 1_782_907_200_000_000
ADMIN = "/admin/feedback/deadletter/"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("dead_letters", *arguments, stdout=out)
    return out.getvalue().strip()


@pytest.fixture(autouse=True)
def letters(songs: None) -> dict[str, DeadLetter]:
    """One letter that waits for its song, and one that nothing will ever help."""
    waiting = b'{"user_id":"u","song_id":"new"}'
    broken = b'{"user_id":"\x1b[2J<b>'
    records = [
        Record(raw, NOON_US, f"{n:032x}", seq=n) for n, raw in enumerate((waiting, broken), 1)
    ]
    apply(records)
    return {row.reason: row for row in DeadLetter.objects.all()}


def test_the_list_names_each_open_letter_without_its_control_characters(
    letters: dict[str, DeadLetter],
) -> None:
    text = run("list")

    assert f"{letters['unknown_song'].pk} " in text
    assert "bad_json" in text
    assert "\x1b" not in text
    listed = json.loads(run("list", "--json"))
    assert {row["reason"] for row in listed} == {"bad_json", "unknown_song"}
    assert run("list", "--state", "discarded") == "none"


def test_without_a_word_the_open_letters_are_listed() -> None:
    assert run() == run("list") != "none"
    with pytest.raises(CommandError):
        run("--reason", "bad_json", "discard", "--all")
    assert DeadLetter.objects.filter(state="open").count() == 2


def test_one_letter_is_shown_whole(letters: dict[str, DeadLetter]) -> None:
    shown = json.loads(run("show", str(letters["bad_json"].pk), "--json"))

    assert shown["raw"] == '{"user_id":"\x1b[2J<b>'
    assert shown["seq"] == 2
    assert "\x1b" not in run("show", str(letters["bad_json"].pk))
    with pytest.raises(CommandError, match="no dead letter 999"):
        run("show", "999")


def test_replay_applies_what_can_be_applied_by_now_and_leaves_the_rest_open() -> None:
    Song.objects.create(song_id="new", title="New")

    assert run("replay", "--all") == "applied 1, repeated 0, still dead 1"
    assert profile("u") == {"new": 1}
    states = dict(DeadLetter.objects.values_list("reason", "state"))
    assert states == {"unknown_song": "replayed", "bad_json": "open"}


def test_what_was_sent_is_shown_in_its_own_letters_and_what_is_none_spelt_out() -> None:
    [letter] = put_aside(1, raw="{Zoë".encode() + b"\xff", key="ü".encode())

    shown = json.loads(run("show", str(letter.pk), "--json"))
    text = run("show", str(letter.pk))

    assert (shown["raw"], shown["key"], shown["bytes"]) == ("{Zoë\\xff", "ü", 6)
    assert r"raw: {Zo\xeb\\xff" in text
    assert r"key: \xfc" in text


def test_a_long_message_is_whole_as_json_and_marked_where_it_is_cut() -> None:
    raw = b"{" + b"x" * 2_000 + b"end"
    [letter] = put_aside(1, raw=raw)

    assert json.loads(run("show", str(letter.pk), "--json"))["raw"] == raw.decode()
    last = run("show", str(letter.pk)).splitlines()[-1]
    assert last == "raw: {" + "x" * 1_999 + " … (2004 bytes)"


def answer_with(monkeypatch: pytest.MonkeyPatch, answer: str) -> list[str]:
    """Be at a terminal and say so; gives what was asked."""
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.write", asked.append)
    monkeypatch.setattr("builtins.input", lambda: answer)
    return asked


def test_all_are_given_up_only_after_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer_with(monkeypatch, "")
    with pytest.raises(CommandError, match="nothing was discarded"):
        run("discard", "--all")
    assert DeadLetter.objects.filter(state="open").count() == 2

    answer_with(monkeypatch, "y")
    assert run("discard", "--all") == "discarded 2"

    assert "Give up 2 dead letters, all that are open, for good? [y/N] " in asked
    # There is nothing left to ask about.
    answer_with(monkeypatch, "n")
    assert run("discard", "--all") == "discarded 0"


def test_what_comes_while_the_question_stands_is_not_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def agree() -> str:
        put_aside(1)
        return "y"

    answer_with(monkeypatch, "y")
    monkeypatch.setattr("builtins.input", agree)

    assert run("discard", "--all") == "discarded 2"
    assert DeadLetter.objects.filter(state="open").count() == 1


def test_where_nobody_can_answer_all_are_given_up_with_yes_alone() -> None:
    with pytest.raises(CommandError, match="give --yes where nobody can answer"):
        run("discard", "--all")
    assert DeadLetter.objects.filter(state="open").count() == 2

    assert run("discard", "--all", "--yes") == "discarded 2"


@pytest.mark.parametrize("word", ["list", "summary", "show", "replay", "discard"])
def test_the_help_of_each_word_has_an_example(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run(word, "--help")

    assert f"manage.py dead_letters {word}" in capsys.readouterr().out


def put_aside(number: int, raw: bytes = b"{", **columns: Any) -> list[DeadLetter]:
    """So many letters of one kind, each with an id of its own."""
    for _ in range(number):
        place = uuid.uuid4()
        apply([Record(raw, NOON_US, place.hex, b"k", 1, "likes", 0, place.int >> 80)])
    made = list(DeadLetter.objects.order_by("-id")[:number])
    DeadLetter.objects.filter(id__in=[each.pk for each in made]).update(**columns)
    return made


def ended(*arguments: str) -> tuple[int, str]:
    """The exit code of a command that ends with one, and what it said."""
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("dead_letters", *arguments, stdout=out, stderr=out)
    return int(str(end.value.code)), out.getvalue()


def test_a_discarded_letter_is_not_replayed(letters: dict[str, DeadLetter]) -> None:
    Song.objects.create(song_id="new", title="New")
    number = str(letters["unknown_song"].pk)

    assert run("discard", number) == "discarded 1"

    assert json.loads(run("replay", "--reason", "unknown_song", "--json"))["applied"] == 0
    code, text = ended("replay", number)
    assert code == 3
    assert f"{number} was discarded: only open letters can be replayed" in text
    assert AppliedEvent.objects.count() == 0
    assert run("discard", number) == "discarded 0"


def test_a_replayed_letter_is_not_discarded_and_may_be_replayed_twice(
    letters: dict[str, DeadLetter],
) -> None:
    Song.objects.create(song_id="new", title="New")
    number = str(letters["unknown_song"].pk)
    assert run("replay", number) == "applied 1, repeated 0, still dead 0"

    assert run("replay", number) == "applied 0, repeated 0, still dead 0"
    code, text = ended("discard", number, "--json")

    assert (code, json.loads(text)["discarded"]) == (3, 0)
    assert json.loads(text)["skipped"] == [
        f"{number} was replayed: only open letters can be discarded"
    ]
    assert DeadLetter.objects.get(pk=number).state == "replayed"


def test_numbers_that_are_no_letters_are_named_and_the_others_done(
    letters: dict[str, DeadLetter],
) -> None:
    code, text = ended("discard", str(letters["bad_json"].pk), "4711", str(2**63 - 1))

    assert code == 3
    assert "discarded 1" in text
    assert "there is no dead letter 4711" in text
    assert f"there is no dead letter {2**63 - 1}" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["discard"],
        ["replay", "1", "--all"],
        ["replay", "1", "--reason", "bad_json"],
        ["discard", "--all", "--user", "u"],
        ["discard", "0"],
        ["show", str(2**63)],
        ["list", "--limit", "-1"],
        ["list", "--reason", "bad_luck"],
        ["lost"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_refused_and_nothing_is_touched(arguments: list[str]) -> None:
    with pytest.raises(CommandError) as refused:
        run(*arguments)

    assert refused.value.returncode in (1, 2)
    assert DeadLetter.objects.filter(state="open").count() == 2


def test_the_list_goes_on_page_by_page_to_the_last() -> None:
    put_aside(7)
    seen: list[str] = []
    more = ["--before", str(2**63 - 1)]
    while more:
        *lines, last = run("list", "--limit", "4", *more).splitlines()
        found = re.fullmatch(r"… and ([0-9,]+) more: (--before) ([0-9]+)", last)
        more = [found[2], found[3]] if found else []
        seen += [line.split()[0] for line in (lines if found else [*lines, last])]

    everything = DeadLetter.objects.order_by("-id").values_list("id", flat=True)
    assert [int(number) for number in seen] == list(everything)
    assert len(seen) == 9


def test_letters_are_found_by_user_song_reason_and_state(letters: dict[str, DeadLetter]) -> None:
    put_aside(2, state="discarded")

    def listed(*filters: str) -> int:
        return len(json.loads(run("list", *filters, "--json")))

    assert listed("--user", "u") == listed("--song", "new") == 1
    assert listed("--user", "u", "--song", "other") == 0
    assert listed("--reason", "bad_json") == 1
    assert listed("--reason", "bad_json", "--state", "all") == 3
    assert run("discard", "--user", "u") == "discarded 1"
    assert DeadLetter.objects.get(pk=letters["bad_json"].pk).state == "open"


def test_the_summary_counts_by_state_and_reason() -> None:
    put_aside(3)
    put_aside(2, state="discarded")

    found = json.loads(run("summary", "--json"))

    assert [(row["state"], row["reason"], row["count"]) for row in found] == [
        ("open", "bad_json", 4),
        ("open", "unknown_song", 1),
        ("discarded", "bad_json", 2),
    ]
    assert found[0]["oldest"] <= found[0]["newest"]
    first, *_ = run("summary").splitlines()
    assert first.split()[:3] == ["open", "bad_json", "4"]
    DeadLetter.objects.all().delete()
    assert run("summary") == "none"


def test_a_replay_that_was_stopped_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "BATCH_SIZE", 2)
    for number in range(5):
        put_aside(1, b'{"user_id": "v%d", "song_id": "late"}' % number)
    Song.objects.create(song_id="late", title="Late")
    late = DeadLetter.objects.filter(song_id="late")
    done: list[int] = []

    first = dead_letters.replay(late, should_stop=lambda: len(done) == 1, advance=done.append)
    rest = dead_letters.replay(late)

    assert (first.applied, rest.applied) == (2, 3)
    assert late.filter(state="replayed").count() == AppliedEvent.objects.count() == 5


def a_conflict() -> DeadLetter:
    for song in ("a", "b"):
        raw = b'{"user_id":"v","song_id":"%s","event_id":"%s"}' % (song.encode(), b"ab" * 16)
        put_aside(1, raw)
    return DeadLetter.objects.get(reason="id_conflict")


def test_a_replay_leaves_out_what_is_in_conflict_and_says_why() -> None:
    number = str(a_conflict().pk)

    said, why = run("replay", "--all").splitlines()
    assert said == "applied 0, repeated 0, still dead 2, left out 1"
    assert "never applied: its event id belongs to another event" in why
    assert json.loads(run("replay", "--reason", "id_conflict", "--json"))["left_out"] == 1
    code, text = ended("replay", number)
    assert code == 3
    assert f"{number} is of id_conflict" in text
    assert run("discard", number) == "discarded 1"


def test_the_admin_says_what_a_replay_leaves_out(staff: Client) -> None:
    conflict = a_conflict()

    choose(staff, "replay", conflict)
    page = staff.get(ADMIN).content.decode()

    assert "repeated 0, still dead 0; 1 left out: a letter of id_conflict is never" in page
    assert "were not come to" not in page


def test_many_letters_are_given_up_in_short_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "DISCARDED_AT_ONCE", 2)
    turns = counted_turns(monkeypatch, dead_letters)
    put_aside(3)

    assert dead_letters.discard(DeadLetter.objects.all()) == 5
    assert len(turns) == 3
    assert set(DeadLetter.objects.values_list("state", flat=True)) == {"discarded"}


def test_ctrl_c_ends_a_replay_after_the_batch_in_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "BATCH_SIZE", 1)
    batch = dead_letters._replay_batch

    def interrupted(ids: Any) -> Any:
        tally = batch(ids)
        signal.raise_signal(signal.SIGINT)
        return tally

    monkeypatch.setattr(dead_letters, "_replay_batch", interrupted)

    code, text = ended("replay", "--all")

    assert code == 130
    assert "applied 0, repeated 0, still dead 1" in text
    assert "the same command goes on" in text


def test_a_letter_says_what_is_wrong_with_it_now(letters: dict[str, DeadLetter]) -> None:
    # Its song has come, and its id was used for something else meanwhile.
    waiting = letters["unknown_song"]
    Song.objects.create(song_id="new", title="New")
    other = b'{"user_id":"u","song_id":"a","event_id":"%s"}' % str(waiting.event_id).encode()
    apply([Record(other, NOON_US, "cd" * 16, b"k", 1, "likes", 0, 1)])

    assert run("replay", str(waiting.pk)) == "applied 0, repeated 0, still dead 1"

    waiting.refresh_from_db()
    assert (waiting.reason, waiting.state, waiting.user_id) == ("id_conflict", "open", "u")
    assert DeadLetter.objects.count() == 2


@pytest.mark.parametrize(("song", "state"), [("a", "replayed"), ("nowhere", "open")])
def test_what_a_mended_program_can_read_is_applied_under_the_id_that_it_brings(
    monkeypatch: pytest.MonkeyPatch, song: str, state: str
) -> None:
    event_id = uuid.uuid4()
    raw = b'{"user_id":"v","song_id":"%s","event_id":"%s"}' % (
        song.encode(),
        str(event_id).encode(),
    )
    with monkeypatch.context() as broken:
        broken.setattr(events, "decode", refuse)
        [letter] = put_aside(1, raw)
    assert letter.event_id != event_id

    for _ in range(2):
        dead_letters.replay(DeadLetter.objects.filter(song_id__in=["", song]))

    [mended] = DeadLetter.objects.filter(digest=letter.digest)
    assert (mended.pk, mended.state) == (letter.pk, state)
    assert profile("v") == ({"a": 1} if state == "replayed" else {})
    if state == "open":
        assert (mended.event_id, mended.reason, mended.song_id) == (event_id, "unknown_song", song)


def refuse(raw: bytes) -> Any:
    raise Unreadable(Reason.BAD_JSON, "not today")


def test_every_reason_is_produced_and_documented() -> None:
    for raw in POISON:
        put_aside(1, raw)
    for song in ("a", "b"):
        raw = b'{"user_id":"v","song_id":"%s","event_id":"%s"}' % (song.encode(), b"ab" * 16)
        put_aside(1, raw)

    produced = set(DeadLetter.objects.values_list("reason", flat=True))
    document = (Path(__file__).parents[2] / "docs" / "feedback.md").read_text()
    table = document.partition("## Dead letters")[2].partition("The list is closed")[0]

    assert produced == set(Reason.values)
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {code for row in rows for code in re.findall(r"`([a-z_]+)`", row)} == set(Reason.values)


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def choose(staff: Client, action: str, *chosen: DeadLetter, **more: Any) -> Any:
    form = {"action": action, "_selected_action": [each.pk for each in chosen]}
    return staff.post(f"{ADMIN}{more.pop('query', '')}", form | more)


def test_the_admin_replays_and_discards(staff: Client, letters: dict[str, DeadLetter]) -> None:
    Song.objects.create(song_id="new", title="New")
    assert choose(staff, "replay", letters["unknown_song"]).status_code == 302
    asked = choose(staff, "discard", letters["bad_json"])
    assert DeadLetter.objects.get(reason="bad_json").state == "open"
    page = asked.content.decode()
    assert "1 bad_json" in page

    assert staff.post(ADMIN, hidden_fields(page)).status_code == 302

    states = dict(DeadLetter.objects.values_list("reason", "state"))
    assert states == {"unknown_song": "replayed", "bad_json": "discarded"}


def hidden_fields(page: str) -> dict[str, list[str]]:
    """What the form of the confirmation would send."""
    form = page.partition('<form method="post">')[2].partition("</form>")[0]
    fields: dict[str, list[str]] = {}
    for tag in re.findall("<input[^>]*>", form):
        name, value = re.search('name="([^"]*)"', tag), re.search('value="([^"]*)"', tag)
        assert name
        assert value
        fields.setdefault(name[1], []).append(value[1])
    return fields


def test_the_admin_discards_all_that_a_filter_finds_and_nothing_that_came_since(
    staff: Client,
) -> None:
    chosen = put_aside(150)
    query = "?reason__exact=bad_json&state__exact=open"
    asked = choose(staff, "discard", chosen[0], select_across="1", query=query)
    page = asked.content.decode()
    assert "151 bad_json" in page
    assert DeadLetter.objects.filter(state="discarded").count() == 0
    put_aside(1)

    assert staff.post(f"{ADMIN}{query}", hidden_fields(page)).status_code == 302

    assert DeadLetter.objects.filter(state="discarded").count() == 151
    left = DeadLetter.objects.filter(state="open").values_list("reason", flat=True)
    assert sorted(left) == ["bad_json", "unknown_song"]


def test_a_replay_in_the_admin_ends_in_time_and_says_what_is_left(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_aside(5)
    monkeypatch.setattr(dead_letters, "BATCH_SIZE", 2)
    monkeypatch.setattr(feedback_pages, "REPLAY_SECONDS", 0.0)

    page = staff.post(
        ADMIN,
        {"action": "replay", "_selected_action": [1], "select_across": "1"},
        follow=True,
    ).content.decode()

    assert "7 were not come to" in page


def test_a_letter_leads_to_its_user_and_its_song(
    staff: Client, letters: dict[str, DeadLetter]
) -> None:
    for page in (ADMIN, f"{ADMIN}{letters['unknown_song'].pk}/change/"):
        text = staff.get(page).content.decode()
        for address in (
            "/admin/recommendations/interaction/?q=user%3Au",
            "/admin/recommendations/song/?q=new",
        ):
            assert f'href="{address}"' in text
            assert staff.get(address).status_code == 200


def test_who_may_only_look_may_not_act(client: Client, letters: dict[str, DeadLetter]) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_deadletter"))
    client.force_login(viewer)

    assert client.get(ADMIN).status_code == 200
    choose(client, "discard", letters["bad_json"], confirmed="1", up_to="99999")

    assert DeadLetter.objects.filter(state="open").count() == 2


def test_the_admin_shows_markup_as_text_and_lets_nobody_edit(
    staff: Client, letters: dict[str, DeadLetter]
) -> None:
    page = staff.get(f"{ADMIN}{letters['bad_json'].pk}/change/").content.decode()

    assert "&lt;b&gt;" in page
    assert "<b>" not in page.replace("<b></b>", "")
    assert staff.get(f"{ADMIN}add/").status_code == 403
    assert staff.post(f"{ADMIN}{letters['bad_json'].pk}/delete/").status_code == 403


def test_pages_of_this_app_count_and_forbid_as_those_of_the_catalogue() -> None:
    for page in (feedback_pages.OutboxAdmin, feedback_pages.DeadLetterAdmin):
        assert page.paginator is pages.CappedPaginator
        assert issubclass(page, pages.ReadOnly)


def test_lists_ask_few_questions_whatever_the_table_holds(
    staff: Client, django_assert_max_num_queries: Any
) -> None:
    say("u", "a")
    for address in (f"{ADMIN}?state__exact=open&q=u", "/admin/feedback/outboxevent/?q=u"):
        with django_assert_max_num_queries(6):
            assert staff.get(address).status_code == 200
    event = OutboxEvent.objects.get()
    assert (
        f"/{event.seq}/"
        in staff.get(f"/admin/feedback/outboxevent/?q={event.event_id}").content.decode()
    )
    assert f"/{event.seq}/" not in staff.get("/admin/feedback/outboxevent/?q=v").content.decode()
    seq = event.seq
    page = staff.get(f"/admin/feedback/outboxevent/{seq}/change/").content.decode()
    assert "&quot;action&quot;:&quot;like&quot;" in page
