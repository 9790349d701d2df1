"""Reading rows: what is good comes through with its line, what is broken is named and left out."""

import gzip
from pathlib import Path

import pytest

from recommendations.loading.csv_rows import CsvRows, Row, UnreadableFile, open_csv
from recommendations.loading.row_errors import Code, RowError


def read(
    tmp_path: Path, content: bytes, *, optional: tuple[str, ...] = (), multiline_limit: int = 1_000
) -> tuple[list[Row], list[tuple[int, Code]]]:
    """The good rows of columns a and b, and line and code of the bad ones."""
    file, errors = tmp_path / "rows.csv", list[RowError]()
    file.write_bytes(content)
    with open_csv(str(file)) as source:
        rows = CsvRows(
            source, ("a", "b"), optional, multiline_limit=multiline_limit, reject=errors.append
        )
        good = list(rows)
        assert rows.read == len(good) + len(errors)
    return good, [(error.line, error.code) for error in errors]


def test_columns_come_in_the_order_wanted_and_others_are_left_out(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b"b,x,a\n2,9,1\n4,9,3\n")

    assert (good, bad) == ([(2, ("1", "2")), (3, ("3", "4"))], [])


def test_a_missing_optional_column_reads_as_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\n1,2\n", optional=("t",))[0] == [(2, ("1", "2", ""))]
    assert read(tmp_path, b"t,a,b\n7,1,2\n", optional=("t",))[0] == [(2, ("1", "2", "7"))]


def test_a_missing_optional_column_leaves_the_others_in_their_places(tmp_path: Path) -> None:
    content = b'u,a,b\n9,1,2\n"8\n",3,4\n'

    good, bad = read(tmp_path, content, optional=("t", "u"), multiline_limit=2)

    assert (good, bad) == ([(2, ("1", "2", "", "9")), (3, ("3", "4", "", "8\n"))], [])


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_lines_may_end_as_on_any_system(tmp_path: Path, newline: bytes) -> None:
    content = newline.join([b"a,b", b"1,2", b"", b"3", b"5,6"])

    assert read(tmp_path, content) == (
        [(2, ("1", "2")), (5, ("5", "6"))],
        [(4, Code.FIELD_COUNT)],
    )


def test_a_byte_order_mark_and_gzip_are_understood(tmp_path: Path) -> None:
    content = "\ufeffA, B\n1,é\n".encode()

    assert read(tmp_path, content) == ([(2, ("1", "é"))], [])
    assert read(tmp_path, gzip.compress(content)) == ([(2, ("1", "é"))], [])


def test_a_value_over_several_lines_keeps_later_line_numbers_right(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b'a,b\n1,"x\ny, ""z"""\n3,4\n')

    assert (good, bad) == ([(2, ("1", 'x\ny, "z"')), (4, ("3", "4"))], [])


def test_a_quote_that_is_never_closed_costs_only_its_own_row(tmp_path: Path) -> None:
    lines = [b"a,b", b"1,2", b'3,"4'] + [b"5,6"] * 5_000
    good, bad = read(tmp_path, b"\n".join(lines))

    assert bad == [(3, Code.UNCLOSED_QUOTE)]
    assert len(good) == 5_001
    assert good[-1] == (5_003, ("5", "6"))


def test_a_quote_that_meets_a_later_quote_costs_only_its_own_row(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b'a,b\n1,"2\n3,4\n5,"six, or so"\n7,8\n')

    assert bad == [(2, Code.UNCLOSED_QUOTE)]
    assert good == [(3, ("3", "4")), (4, ("5", "six, or so")), (5, ("7", "8"))]


def test_where_no_value_may_have_two_lines_a_pair_of_stray_quotes_is_found(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b'a,b\n1,"2\n3,4"\n5,6\n', multiline_limit=0)

    assert bad == [(2, Code.UNCLOSED_QUOTE)]
    assert good == [(3, ("3", '4"')), (4, ("5", "6"))]


def test_text_after_a_closing_quote_is_a_bad_row(tmp_path: Path) -> None:
    assert read(tmp_path, b'a,b\n1,"x"y\n3,4\n') == (
        [(3, ("3", "4"))],
        [(2, Code.BAD_QUOTING)],
    )


def test_too_few_or_too_many_values_are_a_bad_row(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b"a,b\n1\n1,2,3\n\n5,6\n")

    assert good == [(5, ("5", "6"))]
    assert bad == [(2, Code.FIELD_COUNT), (3, Code.FIELD_COUNT)]


def test_a_value_longer_than_csv_allows_is_a_bad_row(tmp_path: Path) -> None:
    longest, longer = b"x" * 131_072, b"x" * 131_073

    good, bad = read(tmp_path, b"a,b\n1," + longest + b"\n2," + longer + b"\n5,6\n")
    assert [line for line, _ in good] == [2, 4]
    assert bad == [(3, Code.FIELD_TOO_LONG)]


def test_a_line_longer_than_memory_should_hold_is_skipped_whole(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b"a,b\n1,2" + b",x" * 2_000_000 + b"\n5,6\n")

    assert (good, bad) == ([(3, ("5", "6"))], [(2, Code.LINE_TOO_LONG)])


def test_bytes_that_are_not_utf8_leave_other_rows_alone(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b"a,b\n1,\xff\xfe\n3,4\n")

    assert (good, bad) == ([(2, ("1", "\udcff\udcfe")), (3, ("3", "4"))], [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: a header line with a, b is expected"),
        (b"\n\n", "is empty"),
        (b"1,2\n", "no column a, b in the first line '1,2'"),
        (b"a;b\n1;2\n", "separated by commas"),
        ("a,b\n".encode("utf-16"), "in UTF-8"),
        (b"a,b,a\n", "names a column twice"),
        (b'"a,b\n', "the header line is not CSV"),
    ],
)
def test_a_wrong_header_ends_with_one_clear_line(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile) as raised:
        read(tmp_path, content)

    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_ends_with_one_clear_line(tmp_path: Path) -> None:
    with (
        pytest.raises(UnreadableFile, match=r"cannot read .*nowhere.csv: No such file"),
        open_csv(str(tmp_path / "nowhere.csv")),
    ):
        pass


def test_a_gzip_file_cut_short_gives_what_it_has_and_then_says_so(tmp_path: Path) -> None:
    rows = b"".join(b"%d,%d\n" % (n, n * n) for n in range(50_000))
    file = tmp_path / "rows.csv.gz"
    file.write_bytes(gzip.compress(b"a,b\n" + rows)[:-2_000])

    got, refused = list[Row](), list[RowError]()
    with open_csv(str(file)) as source:
        reader = CsvRows(source, ("a", "b"), multiline_limit=0, reject=refused.append)
        with pytest.raises(UnreadableFile, match="damaged or cut short after line"):
            got.extend(reader)
    assert len(got) > 10_000
    assert not refused


def test_a_nul_byte_is_left_to_the_value_that_holds_it(tmp_path: Path) -> None:
    good, bad = read(tmp_path, b"a,b\n1,x\0y\n3,4\n")

    assert (good, bad) == ([(2, ("1", "x\0y")), (3, ("3", "4"))], [])
