"""Platform rules: lengths as each platform counts them."""

from __future__ import annotations

import pytest

from creator.facts.channels import CHANNELS, Channel, channel_faults, fits, width


@pytest.mark.parametrize(
    ("channel", "longest"),
    [
        (Channel.GOOGLE_ADS, 30),
        (Channel.MERCHANT_CENTER, 150),
        (Channel.MICROSOFT_ADS, 30),
        (Channel.TIKTOK, 100),
        (Channel.AMAZON, 50),
    ],
)
def test_latin_letters_count_one(channel: Channel, longest: int) -> None:
    assert fits("a " * (longest // 2), channel)
    assert not fits("a " * (longest // 2) + "b", channel)


def test_double_width_characters_count_two_on_google_and_tiktok() -> None:
    assert fits("茶" * 15, Channel.GOOGLE_ADS)
    assert not fits("茶" * 16, Channel.GOOGLE_ADS)
    assert fits("茶" * 50, Channel.TIKTOK)
    assert not fits("茶" * 51, Channel.TIKTOK)


def test_two_latin_letters_count_one_on_ocean_engine() -> None:
    assert fits("茶" * 30, Channel.OCEAN_ENGINE)
    assert not fits("茶" * 31, Channel.OCEAN_ENGINE)
    assert fits("ab" * 30, Channel.OCEAN_ENGINE)
    assert not fits("茶" * 4, Channel.OCEAN_ENGINE)


def test_meta_recommends_beyond_forty_and_does_not_forbid() -> None:
    faults = channel_faults("a " * 21, Channel.META)
    assert [f.warning for f in faults] == [True]
    assert fits("a " * 21, Channel.META)


@pytest.mark.parametrize(
    ("title", "channel"),
    [
        ("Flowers!!", Channel.GOOGLE_ADS),
        ("Flowers 🌷", Channel.GOOGLE_ADS),
        ("Flowers!", Channel.GOOGLE_ADS),
        ("F.L.O.W.E.R.S", Channel.GOOGLE_ADS),
        ("ﾌﾗﾜｰ", Channel.GOOGLE_ADS),
        ("Flowers #1", Channel.TIKTOK),
        ("{Flowers}", Channel.TIKTOK),
        ("The best flowers", Channel.AMAZON),
        ("Last chance for flowers", Channel.AMAZON),
        ("FRESH CUT FLOWERS", Channel.AMAZON),
    ],
)
def test_what_a_platform_bans_is_found_where_it_stands(title: str, channel: Channel) -> None:
    (fault, *_) = channel_faults(title, channel)
    assert title[slice(*fault.span)]
    assert not fault.warning
    assert fault.rule.startswith("https://")


def test_every_channel_has_a_rule_with_its_page() -> None:
    assert set(CHANNELS) == set(Channel)
    assert all(rule.rule.startswith("https://") for rule in CHANNELS.values())


def test_width_counts_columns() -> None:
    assert width("ab茶é") == 5
    assert width("e\u0301") == 1
