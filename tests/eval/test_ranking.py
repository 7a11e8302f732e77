"""Leave-one-out by time, the metrics by hand, and every model on a shop where the right answer is known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from creator.cli import main
from creator.core.artefacts import write_artefact
from creator.core.data import Data, open_data
from eval.ranking_metrics import NOWHERE, Ranked, coverage, gains, measure, places
from eval.ranking_split import leave_one_out

CUT = 1_000.0
Event = tuple[str, str, float]


def write_data(folder: Path, events: list[Event], items: list[str], texts: list[str] | None = None) -> Data:
    """A DATA folder of these events, without ads."""
    with write_artefact(folder, "data", config={}) as draft:
        pd.DataFrame({"item_id": items, "title": texts or items, "description": ""}).to_parquet(
            draft.path / "items.parquet"
        )
        frame = pd.DataFrame(events, columns=["user_id", "item_id", "timestamp"]).assign(weight=np.float32(1))
        frame.sort_values(["user_id", "timestamp"], kind="stable").to_parquet(draft.path / "events.parquet")
        draft.facts = {"train_until": CUT, "live_at": CUT}
    return open_data(folder)


@pytest.fixture
def small(tmp_path: Path) -> Data:
    events = [
        ("ann", "a", 1.0), ("ann", "b", 2.0), ("ann", "c", 1_001.0), ("ann", "new", 1_002.0), ("ann", "b", 1_003.0),
        ("bob", "a", 5.0), ("bob", "a", 1_005.0),  # nothing new after the cut
        ("cid", "c", 1_007.0),  # no history
        ("dan", "c", 7.0),  # nothing after the cut
        ("eve", "b", 3.0), ("eve", "a", 1_009.0), ("eve", "c", 1_009.0),  # one basket of two
    ]  # fmt: skip
    return write_data(tmp_path / "data", events, ["a", "b", "c", "new", "never"])


def asked(data: Data, **keywords: object) -> set[tuple[str, str, float]]:
    split = leave_one_out(data, **keywords)  # type: ignore[arg-type]
    users, items = data.histories.user_ids, data.histories.item_ids
    return {(str(users[u]), str(items[i]), float(t))
            for u, i, t in zip(split.users, split.items, split.before[split.of_target], strict=True)}  # fmt: skip


def test_the_target_is_the_latest_purchase_that_is_new_to_its_user_after_the_cut(small: Data) -> None:
    found = asked(small, exclude_bought=True)
    assert ("ann", "new", 1_002.0) in found
    assert len(found) == 2  # and one of eve's basket
    assert next(iter(found - {("ann", "new", 1_002.0)}))[::2] == ("eve", 1_009.0)
    split = leave_one_out(small, exclude_bought=True)
    assert split.left_out == {"users without a target after train_until": 2, "users without a history before it": 1}
    assert split.cold.tolist() == [item == 3 for item in split.items]  # only "new" is in no training event
    assert split.cold_items.tolist() == [False, False, False, True, True]


def test_with_repeats_allowed_the_target_is_the_latest_purchase_of_all(small: Data) -> None:
    assert {("ann", "b", 1_003.0), ("bob", "a", 1_005.0)} < asked(small, exclude_bought=False)


def test_several_targets_of_a_user_each_have_the_history_before_their_own_moment(small: Data) -> None:
    split = leave_one_out(small, exclude_bought=True, last=2)
    ann = small.histories.row_of["ann"]
    before = {int(i): float(t) for u, i, t in zip(split.users, split.items, split.before[split.of_target], strict=True)
              if u == ann}  # fmt: skip
    assert before == {2: 1_001.0, 3: 1_002.0}
    lengths = [span.stop - span.start for span in split.pasts()]
    assert lengths == [2, 3, 1]  # ann before c, ann before new, eve before her basket of two targets
    assert split.of_target.tolist().count(2) == 2


def test_the_order_within_one_basket_is_drawn_and_the_rest_kept(tmp_path: Path) -> None:
    basket = [("u", f"i{n:02d}", 5.0) for n in range(40)]
    data = write_data(tmp_path / "d", [("u", "first", 1.0), *basket, ("u", "last", 2_000.0)],
                      ["first", *(f"i{n:02d}" for n in range(40)), "last"])  # fmt: skip
    items = leave_one_out(data, exclude_bought=True).histories.items
    assert items[0] == 0
    assert items[-1] == 41
    assert sorted(items[1:-1]) == list(range(1, 41))
    assert list(items[1:-1]) != list(range(1, 41))


def test_recall_ndcg_and_coverage_agree_with_hand_arithmetic() -> None:
    lists = np.full((3, 200), NOWHERE, dtype=np.int32)
    lists[0, :4] = [7, 5, 3, 1]
    lists[1, :60] = np.arange(100, 160)
    at = places(lists, np.array([0, 0, 1, 2]), np.array([7, 1, 149, 9]))
    assert at.tolist() == [0, 3, 49, 200]
    found = gains(at)
    assert found["recall@10"].tolist() == [1, 1, 0, 0]
    assert found["recall@50"].tolist() == [1, 1, 1, 0]
    assert found["ndcg@10"].tolist() == pytest.approx([1.0, 1 / math.log2(5), 0.0, 0.0])
    assert found["ndcg@50"][2] == pytest.approx(1 / math.log2(51))
    assert coverage(lists, 1_000) == pytest.approx({"coverage@10": 0.014, "coverage@50": 0.054, "coverage@200": 0.064})


def test_ndcg_agrees_with_scikit_learn(tmp_path: Path) -> None:
    from sklearn.metrics import ndcg_score

    draw = np.random.default_rng(5)
    order = np.stack([draw.permutation(300) for _ in range(20)])
    lists, target = order[:, :200].astype(np.int32), draw.integers(0, 300, 20)
    scores = np.empty((20, 300))
    np.put_along_axis(scores, order, np.linspace(1, 0, 300)[None, :].repeat(20, 0), axis=1)
    relevant = np.zeros((20, 300))
    relevant[np.arange(20), target] = 1
    own = gains(places(lists, np.arange(20), target))
    for k in (10, 50, 200):
        assert own[f"ndcg@{k}"].mean() == pytest.approx(ndcg_score(relevant, scores, k=k))


def test_a_model_is_set_against_hllm_on_the_same_resamples_and_seeds_are_averaged(small: Data) -> None:
    split = leave_one_out(small, exclude_bought=True, last=2)
    right = np.full((len(split.moments), 200), NOWHERE, dtype=np.int32)
    right[split.of_target, 0] = split.items
    nothing = np.full_like(right, NOWHERE)
    answers = {"hllm": [Ranked(right, right, 2.0), Ranked(nothing, nothing, 4.0)],
               "popularity": [Ranked(nothing, nothing, 1.0)]}  # fmt: skip
    hllm, popular = measure(split, answers, "hllm", resample_count=50, seed=1)
    hits = (right[split.of_target, 0] == split.items).mean()  # eve's two targets share one first place
    assert hllm.measures["all"]["recall@10"].value == pytest.approx(hits / 2)
    assert hllm.by_seed == pytest.approx([hits, 0.0])
    assert hllm.took_s == 3.0
    assert hllm.lead["all"] is None
    lead = popular.lead["all"]
    assert lead is not None
    assert lead.value == pytest.approx(hits / 2)
    assert popular.n == {"all": 4, "seen": 3, "cold": 1, "cold apart": 1}


@pytest.fixture(scope="module")
def habits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Users love one of four kinds; new products of each kind, never sold in training, are bought by its lovers.

    The vectors say the kind and no more, so that a model that reads them can know it and one that reads ids cannot.
    """
    folder, draw = tmp_path_factory.mktemp("habits"), np.random.default_rng(2)
    kinds, per_kind, fresh = 4, 12, 3
    items = [f"{kind}-{n}" for kind in range(kinds) for n in range(per_kind + fresh)]
    events: list[Event] = []
    for user in range(48):
        kind = user % kinds
        bought = draw.permutation(per_kind)[:9]
        events += [(f"u{user}", f"{kind}-{n}", 10.0 * at + 1) for at, n in enumerate(bought[:8])]
        new = f"{kind}-{per_kind + user // kinds % fresh}" if user % 8 < 4 else f"{kind}-{bought[8]}"
        events.append((f"u{user}", new, CUT + user))
    write_data(folder / "data", events, items)
    corners = np.repeat(draw.normal(size=(kinds, 64)), per_kind + fresh, axis=0)
    with write_artefact(folder / "embeddings", "embeddings", config={}) as draft:
        np.save(draft.path / "items.npy", (corners + 0.05 * draw.normal(size=corners.shape)).astype(np.float32))
        (draft.path / "items.ids").write_text("".join(f"{item}\n" for item in items))
        np.save(draft.path / "users.npy", np.zeros((1, 64), np.float32))
        (draft.path / "users.ids").write_text("u0\n")
    return folder


def evaluate(folder: Path, out: Path, more: str) -> dict[str, dict[str, object]]:
    line = f"evaluate ranking --data {folder}/data --item-vectors {folder}/embeddings --out {out} --resamples 50 {more}"
    assert main(line.split()) == 0
    found = json.loads((out / "summary.json").read_text())
    return {model["model"]: model for model in found["models"]}


def test_hllm_finds_cold_products_that_the_others_cannot_know(habits: Path, tmp_path: Path) -> None:
    pytest.importorskip("rectools", reason="RecTools is not installed (requirements/ranking.txt)")
    found = evaluate(habits, tmp_path / "report", "--steps 40 --windows 16 --negatives 32 --history 8 --epochs 4 "
                     "--factors 16 --sampled 8 --user-layers 1 --neighbours 20")  # fmt: skip
    assert set(found) == {"popularity", "item-knn", "sasrec", "hstu", "hllm"}
    cold = {name: model["measures"]["cold apart"]["ndcg@10"]["value"] for name, model in found.items()}  # type: ignore[index]
    own = cold.pop("hllm")
    # three of twelve cold products are of the own kind; in any order, a target's mean would be 0.38
    assert own > 0.6
    assert cold == {"popularity": 0.0, "item-knn": 0.0, "sasrec": 0.0, "hstu": 0.0}
    first = {name: model["measures"]["seen"]["ndcg@10"]["value"] for name, model in found.items()}  # type: ignore[index]
    # four products of the own kind are left of 48 in training; popularity knows no kind, item-kNN and HLLM do
    even = np.mean([1 / math.log2(place + 2) for place in range(4)])
    assert first["item-knn"] == pytest.approx(even, abs=0.25)
    assert first["hllm"] > 1.5 * first["popularity"]
    for name in ("report.html", "ranking.png"):
        assert (tmp_path / "report" / name).stat().st_size > 1_000


def test_what_was_bought_is_never_ranked_unless_asked_for(habits: Path) -> None:
    import torch

    from eval.inputs import item_vectors
    from eval.ranking_hllm import HllmSettings, rank_with_hllm

    data = open_data(habits / "data")
    from creator.core.artefacts import open_artefact

    vectors = item_vectors(open_artefact(habits / "embeddings", "embeddings"), data)
    settings = HllmSettings(2, 4, 8, 1e-3, 8, 1, 1.0, 0)
    for exclude in (True, False):
        split = leave_one_out(data, exclude_bought=exclude)
        torch.manual_seed(0)
        folder = habits / f"steps-{exclude}"
        folder.mkdir()
        ranked = rank_with_hllm(split, vectors, settings, folder, "hllm")
        had = [set(split.histories.items[span].tolist()) for span in split.pasts()]
        again = [bool(had[m] & set(ranked.full[m].tolist())) for m in range(len(had))]
        assert not any(again) if exclude else all(again)
        assert all((row[row != NOWHERE] < 60).all() for row in ranked.full)
        assert split.cold_items[ranked.cold[ranked.cold != NOWHERE]].all()


def test_popularity_of_a_week_counts_nothing_of_that_week_or_later(tmp_path: Path) -> None:
    from eval.ranking_popularity import WEEK_S, Popularity

    week = WEEK_S
    with write_artefact(tmp_path / "w", "data", config={}) as draft:
        pd.DataFrame({"item_id": ["a", "b"], "title": ["t", "t"], "description": ""}).to_parquet(
            draft.path / "items.parquet"
        )
        pd.DataFrame({"user_id": ["u"] * 4, "item_id": ["a", "b", "a", "a"], "weight": np.float32(1),
                      "timestamp": [0.0, 0.5 * week, 1.5 * week, 9.5 * week]}).to_parquet(
            draft.path / "events.parquet")  # fmt: skip
        draft.facts = {"train_until": 9.0 * week, "live_at": 9.0 * week}
    known = Popularity(leave_one_out(open_data(tmp_path / "w"), exclude_bought=False))
    at = known.features(known.at(np.array([0.9, 1.0, 2.0, 9.0]) * week), np.zeros(4, np.int64)).numpy()
    assert np.expm1(at[:, 0]) == pytest.approx([0, 1, 2, 2], abs=1e-5)  # the last event is after the cut
    assert np.expm1(at[:, 1]) == pytest.approx([0, 1, 2, 0], abs=1e-5)  # of the four weeks before
    assert np.expm1(at[:, 2]) == pytest.approx([0, 2, 3, 3], abs=1e-5)  # b has the same text
    assert at[:, 3].tolist() == [1, 0, 0, 0]


def test_faults_are_told_together(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert (
        main(f"evaluate ranking --data {tmp_path} --out {tmp_path}/o --factors 6 --seeds 1 1 --shares 1.5".split()) == 2
    )
    told = capsys.readouterr().err
    for words in ("factors: got 6", "seeds: got the same one twice", "shares: got 1.5"):
        assert words in told
