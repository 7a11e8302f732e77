from __future__ import annotations

from dataclasses import replace

import pytest

from creator.models.config import ModelConfig
from creator.models.prompts import PromptWriter
from tests.models.tiny import AD, OTHER_AD

FACTS = (
    "Ad: Arven outdoor sale: 20% off selected gear\n"
    "- chalk bag for climbing\n- landing net for fishing\n- 20% off selected gear"
)


@pytest.fixture(scope="module")
def tokenizer(backbones):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(backbones.creative)


def ids(tokenizer, text):
    return tuple(tokenizer.encode(text, add_special_tokens=False))


def test_ad_first_puts_the_whole_ad_before_the_user_and_user_first_behind(tokenizer):
    config = ModelConfig(instruction="Write.\n", cue="\nTitle:")
    instruction, facts, cue = (ids(tokenizer, text) for text in ("Write.\n", FACTS, "\nTitle:"))
    ad_first = PromptWriter(config, tokenizer).prompt(AD)
    assert (ad_first.before, ad_first.after) == (instruction + facts, cue)
    user_first = PromptWriter(replace(config, position="user_first"), tokenizer).prompt(AD)
    assert (user_first.before, user_first.after) == (instruction, facts + cue)


def test_selling_points_stand_in_the_order_asked_for_and_the_description_where_there_are_none(tokenizer):
    writer = PromptWriter(ModelConfig(instruction="", cue=""), tokenizer)
    turned = "Ad: Arven outdoor sale: 20% off selected gear\n- 20% off selected gear\n- chalk bag for climbing\n"
    assert writer.prompt(AD, [2, 0, 1]).before == ids(tokenizer, turned + "- landing net for fishing")
    assert writer.prompt(OTHER_AD).before == ids(tokenizer, "Ad: Korrik summer sale\n- Running socks and a race belt.")


def test_a_long_ad_title_and_profile_are_cut_and_titles_keep_their_end(tokenizer):
    writer = PromptWriter(ModelConfig(instruction="", ad_tokens=5, title_tokens=4, profile_tokens=3), tokenizer)
    end = tokenizer.eos_token_id
    assert writer.prompt(AD).before == ids(tokenizer, FACTS)[:5]
    assert writer.title(AD.title) == [*ids(tokenizer, " " + AD.title)[:3], end]
    assert writer.title("x") == [*ids(tokenizer, " x"), end]
    assert writer.profile(AD.title) == [*ids(tokenizer, AD.title)[:2], end]
