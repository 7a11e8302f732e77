"""When an event happened, as HLLM reads it: year, month, day, hour, minute and second (arXiv 2409.12740, section 3.4).

Each has an embedding; the six are joined, projected to the User LLM's width and added to the item's embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FIRST_YEAR = 1970
FIELDS = {"year": 128, "month": 12, "day": 31, "hour": 24, "minute": 60, "second": 60}
"""Values each field can take; years are counted from `FIRST_YEAR`, the other fields from their first value."""
_DAY_S, _ERA_DAYS = 86_400, 146_097  # days of 400 years


class Calendar(nn.Module):
    """Embeds moments.

    Args:
        width: of the User LLM.
        each: width of each field's embedding (512 in the paper).
    """

    def __init__(self, width: int, each: int = 512) -> None:
        super().__init__()
        self.fields = nn.ModuleList(nn.Embedding(count, each) for count in FIELDS.values())
        self.projection = nn.Linear(each * len(FIELDS), width, bias=False)
        for field in self.fields:
            nn.init.normal_(field.weight, std=0.02)  # pyright: ignore[reportArgumentType]
        nn.init.zeros_(self.projection.weight)  # at first an item is read as if it had no time

    def forward(self, times_s: Tensor) -> Tensor:
        """Moments [..] in epoch seconds, float64 or int64 (float32 cannot hold them) -> [.., width]."""
        parts = calendar_fields(times_s)
        return self.projection(torch.cat([field(parts[..., n]) for n, field in enumerate(self.fields)], dim=-1))


def calendar_fields(times_s: Tensor) -> Tensor:
    """Year, month, day, hour, minute, second in UTC of epoch seconds, each counted from 0: [..] -> [.., 6] int64.

    Civil dates from day numbers by Hinnant's algorithm (howardhinnant.github.io/date_algorithms.html). Years outside
    those of `FIELDS` become the nearest one.
    """
    seconds = times_s.floor().long()
    days, rest = seconds.div(_DAY_S, rounding_mode="floor"), seconds.remainder(_DAY_S)
    shifted = days + 719_468  # from 0000-03-01
    era = shifted.div(_ERA_DAYS, rounding_mode="floor")
    day_of_era = shifted - era * _ERA_DAYS
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted_month + 2) // 5
    month = torch.where(shifted_month < 10, shifted_month + 2, shifted_month - 10)
    year = year_of_era + era * 400 + (month <= 1).long()
    year = (year - FIRST_YEAR).clamp(0, FIELDS["year"] - 1)
    return torch.stack([year, month, day, rest // 3600, rest // 60 % 60, rest % 60], dim=-1)
