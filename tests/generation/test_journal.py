from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creator.generation.journal import Journal

rows = st.lists(
    st.dictionaries(st.text(max_size=3), st.text() | st.integers() | st.lists(st.floats(-9, 9))), max_size=5
)


def test_no_file_is_no_rows_and_makes_none(tmp_path):
    assert list(Journal(tmp_path / "none").rows()) == []
    assert not (tmp_path / "none").exists()


@settings(max_examples=30)
@given(rows=rows, data=st.data())
def test_what_is_whole_is_kept_wherever_the_file_was_cut_and_the_next_row_starts_afresh(tmp_path_factory, rows, data):
    path = tmp_path_factory.mktemp("journal") / "rows.jsonl"
    journal = Journal(path)
    ends = [0]
    for row in rows:
        journal.append(row)
        ends.append(path.stat().st_size)
    assert list(journal.rows()) == rows
    written = path.read_bytes() if rows else b""
    cut = data.draw(st.integers(0, len(written)))
    path.write_bytes(written[:cut])
    whole = rows[: sum(end <= cut for end in ends) - 1]
    again = Journal(path)
    assert list(again.rows()) == whole
    again.append({"next": 1})
    assert list(again.rows()) == [*whole, {"next": 1}]


@pytest.mark.parametrize("rest", [b'{"a": 1', b'{"a": \xff}\n', b"\x00\x00\n", b'not json\n{"b": 2}\n'])
def test_what_follows_a_broken_line_is_dropped(tmp_path, rest):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 0}\n' + rest)
    assert list(Journal(path).rows()) == [{"a": 0}]
    assert path.read_bytes() == b'{"a": 0}\n'
