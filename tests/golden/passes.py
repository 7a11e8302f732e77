"""The reference's forward passes, put together from our modules.

What the reference does over two workers is done here on all their rows laid end to end: its gathered negatives are
simply more candidates. Its masks by cosine are `near_duplicates`, given to the losses in the place of identities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creator.models.assembly import HllmCreator
from creator.models.creative import Branch, Row, RowBatch
from creator.models.losses import alignment_loss, contrastive_logits, contrastive_loss, near_duplicates, next_item_loss

Arrays = Mapping[str, Tensor]


def unpack(token_ids: Tensor, lengths: Tensor) -> list[list[int]]:
    """Packed texts as lists of tokens, the [ITEM] slot behind each left out."""
    return [part.tolist()[:-1] for part in torch.split(token_ids, lengths.tolist())]


def kept(token_ids: Tensor, mask: Tensor) -> list[list[int]]:
    """The tokens of each row where the mask is 1."""
    return [row[keep.bool()].tolist() for row, keep in zip(token_ids, mask, strict=True)]


def rows_of(token_ids: Tensor, mask: Tensor, slots: Tensor, targets: Tensor | None = None) -> RowBatch:
    """Left-padded sequences with one soft token each, as one row with one branch per user.

    Without targets the rows are prompts; one answer token, never run, marks their last position as the one to predict.
    """
    rows: list[Row] = []
    for user, (ids, real, slot) in enumerate(
        zip(token_ids.tolist(), mask.tolist(), slots.flatten().tolist(), strict=True)
    ):
        start = real.index(1)
        answer = len(ids) if targets is None else targets[user].tolist().index(1)
        rows.append(Row(ids[start:slot], [Branch(user, ids[slot + 1 : answer], ids[answer:] or [0])]))
    return RowBatch.of(rows)


@dataclass
class CreatorPass:
    """HLLM-Creator on all workers: arrays by worker and the loss whose gradients are golden."""

    arrays: dict[str, Tensor]
    total: Tensor


def run_creator(model: HllmCreator, inputs: Mapping[str, Arrays], threshold: float) -> CreatorPass:
    """The four losses and everything on the way to them."""
    out: dict[str, Tensor] = {}
    for worker, batch in inputs.items():
        out |= {f"{worker}.{name}": value for name, value in _encode(model, batch).items()}
        out |= {f"{worker}.{name}": value for name, value in _write(model, batch, out, worker).items()}
    for worker, batch in inputs.items():
        others = [other for other in inputs if other != worker]
        out |= {f"{worker}.{name}": value for name, value in _match(model, batch, out, worker, others).items()}
    out |= _align(model, list(inputs), out, threshold)
    for worker in inputs:
        parts = ("creative", "recon", "match", "align")
        out[f"{worker}.total_loss"] = torch.stack([out[f"{worker}.{part}_loss"] for part in parts]).sum()
    return CreatorPass(out, torch.stack([out[f"{worker}.total_loss"] for worker in inputs]).mean())


def _encode(model: HllmCreator, batch: Arrays) -> dict[str, Tensor]:
    texts = unpack(batch["history_token_ids"], batch["history_token_lengths"])
    embeddings = model.item(texts)
    history = embeddings.view(*batch["history_mask"].shape, -1)
    inputs, mask = model.user.lay_inputs(history, batch["history_mask"])
    user = model.user(history, batch["history_mask"])
    return {
        "item_embeddings": embeddings,
        "user_llm_inputs": inputs,
        "user_llm_mask": mask,
        "user_embedding": user,
        "user_soft_token": model.creative.user_projector(user),
        "recon_soft_token": model.creative.profile_projector(user),
        "match_title_embedding": model.item(kept(batch["match_title_ids"], batch["match_title_mask"])),
    }


def _write(model: HllmCreator, batch: Arrays, done: Arrays, worker: str) -> dict[str, Tensor]:
    out: dict[str, Tensor] = {}
    for part, soft in (("creative", "user_soft_token"), ("recon", "recon_soft_token")):
        targets = batch[f"{part}_target_mask"]
        rows = rows_of(batch[f"{part}_ids"], batch[f"{part}_mask"], batch[f"{part}_user_slot"], targets)
        states, _, owners = model.creative.supervised_states(rows, done[f"{worker}.{soft}"])
        out[f"{part}_logits"] = model.creative.logits(states)
        counts = torch.bincount(owners, minlength=len(targets))
        out[f"{part}_logits_offsets"] = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        out[f"{part}_loss"] = model.creative.loss(rows, done[f"{worker}.{soft}"])
    out["align_user"] = model.align_projector(done[f"{worker}.user_embedding"])
    out["align_profile"] = model.embed_profile_ids(kept(batch["align_ids"], batch["align_mask"]))
    return {name: nn.functional.normalize(t, dim=-1) if name.startswith("align") else t for name, t in out.items()}


def _match(model: HllmCreator, batch: Arrays, done: Arrays, worker: str, others: list[str]) -> dict[str, Tensor]:
    head = model.match
    users = head.user_tower(done[f"{worker}.user_soft_token"])
    titles = head.item_tower(done[f"{worker}.match_title_embedding"])
    elsewhere = torch.cat([done[f"{other}.match_title_embedding"] for other in others])
    drawn = head.item_tower(elsewhere)[batch["match_negative_rows"]]
    asked = torch.cat([titles.unsqueeze(1), drawn], dim=1)
    pairs = torch.stack([users.unsqueeze(1).expand_as(asked), asked], dim=2).flatten(0, 1)
    labels = torch.zeros(asked.shape[:2])
    labels[:, 0] = 1.0
    logits = head.on_towers(pairs[:, 0], pairs[:, 1])
    return {
        "match_user_vector": users,
        "match_title_vector": titles,
        "match_head_input": pairs if head.kind == "mixer" else pairs.flatten(1),
        "match_logits": logits,
        "match_labels": labels.flatten(),
        "match_loss": nn.functional.binary_cross_entropy_with_logits(logits, labels.flatten()),
    }


def _align(model: HllmCreator, workers: list[str], done: Arrays, threshold: float) -> dict[str, Tensor]:
    users, profiles = (torch.cat([done[f"{w}.align_{side}"] for w in workers]) for side in ("user", "profile"))
    scale = model.align_scale()
    own = torch.eye(len(users), dtype=torch.bool)
    same_profile, same_user = (near_duplicates(side, side, threshold) for side in (profiles, users))
    to_profile = contrastive_logits(users, profiles, profiles, same_profile | own, scale)
    to_user = contrastive_logits(profiles, users, users, same_user | own, scale)
    out: dict[str, Tensor] = {"align_loss": alignment_loss(users, profiles, same_profile, scale, same_user=same_user)}
    size = len(users) // len(workers)
    for n, worker in enumerate(workers):
        rows = slice(n * size, (n + 1) * size)
        out[f"{worker}.align_logits_user_to_profile"] = to_profile[rows]
        out[f"{worker}.align_logits_profile_to_user"] = to_user[rows]
        out[f"{worker}.align_loss"] = 0.5 * (contrastive_loss(to_profile[rows]) + contrastive_loss(to_user[rows]))
    return out


def run_hllm(model: HllmCreator, inputs: Mapping[str, Arrays], threshold: float) -> CreatorPass:
    """HLLM's InfoNCE on all workers."""
    out: dict[str, Tensor] = {}
    for worker, batch in inputs.items():
        out[f"{worker}.item_embeddings"] = model.item(unpack(batch["item_token_ids"], batch["item_token_lengths"]))
        negatives = unpack(batch["negative_token_ids"], batch["negative_token_lengths"])
        out[f"{worker}.negative_embeddings"] = model.item(negatives)
    candidates = torch.cat([out[f"{worker}.negative_embeddings"] for worker in inputs])
    for worker, batch in inputs.items():
        items = out[f"{worker}.item_embeddings"].view(*batch["item_ids"].shape, -1)
        states = model.user.states(items[:, :-1], batch["history_mask"])
        valid = batch["history_mask"].bool()
        queries, positives = model.next_item_projector(states[valid]), items[:, 1:][valid]
        masked = near_duplicates(positives, candidates, threshold)
        loss, live = next_item_loss(queries, positives, candidates, masked, model.next_item_scale())
        logits = contrastive_logits(queries, positives, candidates, masked, model.next_item_scale())
        better = (logits[:, 1:] > logits[:, :1]).sum(1)
        out |= {
            f"{worker}.user_outputs": states * valid.unsqueeze(-1),
            f"{worker}.nce_logits": logits,
            f"{worker}.nce_masked": torch.cat([torch.zeros_like(masked[:, :1]), masked], dim=1),
            f"{worker}.loss": loss,
            f"{worker}.nce_samples": live + 1,
            **{f"{worker}.nce_top{k}_acc": (better < k).float().mean() for k in (1, 5, 10, 50, 100)},
        }
    return CreatorPass(out, torch.stack([out[f"{worker}.loss"] for worker in inputs]).mean())
