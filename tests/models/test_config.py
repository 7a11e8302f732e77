from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creator.core.errors import ModelError
from creator.models.config import ModelConfig

configs = st.builds(
    ModelConfig,
    item_pooling=st.sampled_from(["item_token", "mean"]),
    history=st.integers(1, 5000),
    position=st.sampled_from(["ad_first", "user_first"]),
    instruction=st.text(),
    cue=st.text(),
    match_head=st.sampled_from(["mixer", "linear", "mixer_dot", "wide"]),
    match_calibration=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    item_backbone=st.text(),
)


@given(configs)
def test_a_written_config_reads_back_as_it_was(config):
    assert ModelConfig.from_json(config.to_json(), "model.json") == config


def test_settings_that_are_not_written_take_their_defaults():
    assert ModelConfig.from_json('{"schema_version": 1, "history": 7}', "model.json") == ModelConfig(history=7)


def text(**changes):
    return json.dumps({"schema_version": 1, **asdict(ModelConfig()), **changes})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (text(colour="red", smell=1), r"m/model.json has unknown settings; got: \['colour', 'smell'\]"),
        (text(schema_version=2), "another schema version"),
        ('{"history": 5}', "another schema version"),
        ("[1]", "another schema version"),
        ("{half", "not valid JSON"),
        ("", "not valid JSON"),
    ],
)
def test_what_it_cannot_read_is_named(written, said):
    with pytest.raises(ModelError, match=said):
        ModelConfig.from_json(written, "m/model.json")
