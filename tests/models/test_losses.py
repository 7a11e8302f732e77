"""Losses against arithmetic that fits on paper."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from creator.models.losses import LogScale, alignment_loss, next_item_loss

E = math.exp


def test_next_item_loss_by_hand():
    queries = torch.tensor([[5.0, 0.0], [0.0, 0.1]])  # lengths do not count, angles do
    positives = torch.tensor([[1.0, 0.0], [3.0, 3.0]])
    candidates = torch.tensor([[0.0, 2.0], [-4.0, 0.0], [7.0, 0.0]])
    false_negative = torch.tensor([[False, False, True], [False, False, False]])
    loss, live = next_item_loss(queries, positives, candidates, false_negative, torch.tensor(2.0))
    half = math.sqrt(0.5)
    first = -math.log(E(2) / (E(2) + E(0) + E(-2)))  # the third candidate is its own item
    second = -math.log(E(2 * half) / (E(2 * half) + E(2) + E(0) + E(0)))
    assert loss.item() == pytest.approx((first + second) / 2, abs=1e-6)
    assert live.item() == pytest.approx((2 + 3) / 2)


def test_a_query_whose_candidates_are_all_its_own_item_has_no_loss_and_finite_gradients():
    scale = LogScale(0.07)
    queries = torch.tensor([[1.0, 0.5]], requires_grad=True)
    target = torch.tensor([[0.2, 1.0]])
    loss, live = next_item_loss(queries, target, target, torch.tensor([[True]]), scale())
    loss.backward()
    assert loss.item() == 0
    assert live.item() == 0
    assert torch.isfinite(queries.grad).all()
    assert torch.isfinite(scale.value.grad)


def test_alignment_loss_by_hand():
    users = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    profiles = torch.tensor([[1.0, 0.0], [0.0, 3.0], [4.0, 0.0]])
    same = torch.eye(3, dtype=torch.bool)
    same[0, 2] = same[2, 0] = True  # rows 0 and 2 have one profile
    found = alignment_loss(users, profiles, same, torch.tensor(3.0))
    # cosines are 1 for the rows' own, 0 between rows 0 and 1 and rows 1 and 2, both ways; masked between 0 and 2
    lonely = -math.log(E(3) / (E(3) + 1))
    between_two = -math.log(E(3) / (E(3) + 2))
    assert found.item() == pytest.approx((2 * lonely + between_two) / 3, abs=1e-6)


def test_alignment_loss_is_the_mean_of_both_directions():
    users, profiles = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    found = alignment_loss(users, profiles, torch.eye(2, dtype=torch.bool), torch.tensor(2.0))
    to_profiles = (-math.log(E(2) / (E(2) + 1)) - math.log(1 / (E(2) + 1))) / 2
    to_users = math.log(2)  # both users are equal: a coin's toss
    assert found.item() == pytest.approx((to_profiles + to_users) / 2, abs=1e-6)


def test_the_scale_starts_at_the_inverse_temperature():
    assert LogScale(0.07)().item() == pytest.approx(1 / 0.07, rel=1e-6)


@given(st.floats(-20, 20))
def test_the_scale_is_clamped_in_place_between_one_and_a_hundred(value):
    scale = LogScale(0.07)
    with torch.no_grad():
        scale.value.fill_(value)
    assert scale().item() == pytest.approx(min(100.0, max(1.0, E(value))), rel=1e-5)
    assert 0 <= scale.value.item() <= math.log(100) + 1e-6
