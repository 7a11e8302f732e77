from __future__ import annotations

from datetime import UTC, datetime

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from creator.models.calendar import FIELDS, Calendar, calendar_fields

FIRST, LAST = datetime(1970, 1, 1), datetime(2097, 12, 31, 23, 59, 59)  # noqa: DTZ001  (strategies want them bare)
MOMENTS = st.datetimes(min_value=FIRST, max_value=LAST)


def by_datetime(seconds: float) -> list[int]:
    moment = datetime.fromtimestamp(seconds, UTC)
    return [moment.year - 1970, moment.month - 1, moment.day - 1, moment.hour, moment.minute, moment.second]


@settings(max_examples=200)
@given(st.lists(MOMENTS, min_size=1, max_size=5))
def test_fields_are_those_of_the_civil_calendar(moments):
    seconds = [float(int(moment.replace(tzinfo=UTC).timestamp())) for moment in moments]
    found = calendar_fields(torch.tensor(seconds, dtype=torch.float64))
    assert found.tolist() == [by_datetime(s) for s in seconds]


def test_the_end_of_february_and_of_years():
    for text in ("2000-02-29T23:59:59", "2023-02-28T12:00:00", "2024-02-29T00:00:00", "2024-12-31T23:59:59"):
        seconds = datetime.fromisoformat(text + "+00:00").timestamp()
        assert calendar_fields(torch.tensor([seconds], dtype=torch.float64)).tolist() == [by_datetime(seconds)]


def test_years_out_of_range_become_the_nearest():
    far = datetime(2300, 6, 1, tzinfo=UTC).timestamp()
    assert calendar_fields(torch.tensor([-1.0, far], dtype=torch.float64))[:, 0].tolist() == [0, FIELDS["year"] - 1]


def test_the_six_embeddings_are_joined_and_projected():
    torch.manual_seed(0)
    calendar = Calendar(8, each=4)
    moment = torch.tensor([datetime(2017, 3, 5, 7, 11, 13, tzinfo=UTC).timestamp()], dtype=torch.float64)
    assert calendar(moment).abs().max() == 0  # neutral at first
    torch.nn.init.normal_(calendar.projection.weight)
    rows = (47, 2, 4, 7, 11, 13)
    joined = torch.cat([field.weight[row] for field, row in zip(calendar.fields, rows, strict=True)])
    torch.testing.assert_close(calendar(moment)[0], calendar.projection.weight @ joined)
