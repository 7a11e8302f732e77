"""The whole model: Item LLM -> User LLM -> projected soft token -> Creative LLM, with the match head beside.

Shapes: N texts, B users, L history items, A ads, K users or centroids, d item width, d_u user width, D creative width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from creator.core.acts import LogCounts
from creator.core.errors import ModelError
from creator.core.progress import Progress
from creator.core.records import Ad
from creator.models.config import ModelConfig
from creator.models.creative import Branch, CreativeLLM, Row, RowBatch
from creator.models.heads import MatchHead
from creator.models.item_encoder import ItemEncoder
from creator.models.losses import LogScale
from creator.models.prompts import PromptWriter
from creator.models.user_encoder import UserEncoder

Float = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int32]
Seconds = npt.NDArray[np.float64]


class HllmCreator(nn.Module):
    """HLLM-Creator (arXiv 2508.18118).

    Args:
        config: its conventions.
        item: the Item LLM.
        user: the User LLM.
        creative: the Creative LLM.
    """

    def __init__(self, config: ModelConfig, item: ItemEncoder, user: UserEncoder, creative: CreativeLLM) -> None:
        super().__init__()
        self.config = config
        self.item, self.user, self.creative = item, user, creative
        self.match = MatchHead(creative.width, item.width, config.match_width, config.match_head, config.match_blocks)
        profile_width = item.width if config.profile_encoder == "item" else creative.width
        self.align_projector = nn.Linear(user.width, profile_width, bias=False)
        self.align_scale = LogScale(0.05)
        self.choice_scale = LogScale(0.05)
        self.next_item_projector = (
            nn.Identity() if item.width == user.width else nn.Linear(user.width, item.width, bias=False)
        )
        self.next_item_scale = LogScale(0.07)
        self.early = nn.Linear(user.width, 1) if config.fusion == "early" else None
        if config.profile_encoder == "creative":
            self.profile_token = nn.Parameter(torch.randn(creative.width) * 0.02)
        self.prompts = PromptWriter(config, creative.tokenizer)

    @property
    def device(self) -> torch.device:
        """Where the model runs."""
        return self.user.user_token.device

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], *, label: str = "", batch: int = 256) -> Float:
        """Item embeddings of texts, [N, d]. Equal texts are encoded once; `label` shows progress under that name."""
        distinct = sorted(set(texts), key=lambda t: (len(t), t))
        at = {text: row for row, text in enumerate(distinct)}
        out = np.empty((len(distinct), self.item.width), dtype=np.float32)
        progress = Progress(label, len(distinct), "texts") if label else None
        for start in range(0, len(distinct), batch):
            part = distinct[start : start + batch]
            out[start : start + len(part)] = self.item(self.item.tokenize(part)).float().cpu().numpy()
            if progress:
                progress.advance(len(part))
        if progress:
            progress.close()
        return out[[at[text] for text in texts]]

    def user_batch(
        self,
        items: Tensor,
        windows: Sequence[Rows],
        ages_s: Sequence[Seconds] | None,
        as_of: Seconds | None = None,
    ) -> Tensor:
        """User embeddings of windows over an item table, [B, d_u]; gradients flow into the User LLM (and the table).

        Args:
            items: [I, d] item embeddings.
            windows: per user the rows of their items, oldest first.
            ages_s: per user the age of each event, where the model reads times.
            as_of: [B] epoch seconds of the reading, where it reads the calendar.
        """
        return self.read_windows(items, windows, ages_s, as_of)[1]

    def read_windows(
        self,
        items: Tensor,
        windows: Sequence[Rows],
        ages_s: Sequence[Seconds] | None,
        as_of: Seconds | None = None,
        *,
        with_user: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """The state at each event of the windows [E, d_u], window by window, and the user embeddings [B, d_u]."""
        flat, lengths, ages, times = self._lay(items, windows, ages_s, as_of)
        return self.user.read(flat, lengths, ages, times, with_user=with_user)

    def early_logits(
        self,
        items: Tensor,
        windows: Sequence[Rows],
        targets: Tensor,
        ages_s: Sequence[Seconds] | None = None,
        as_of: Seconds | None = None,
    ) -> Tensor:
        """Whether each user clicks each of their targets, by early fusion: targets [B, C, d] -> logits [B, C].

        Raises:
            ModelError: the model was not made with fusion "early".
        """
        if self.early is None:
            raise ModelError("the model has no early fusion", got=self.config.fusion, expected="early")
        flat, lengths, ages, times = self._lay(items, windows, ages_s, as_of)
        return self.early(self.user.read_before(flat, lengths, targets, ages, times).float()).squeeze(-1)

    def _lay(
        self,
        items: Tensor,
        windows: Sequence[Rows],
        ages_s: Sequence[Seconds] | None,
        as_of: Seconds | None,
    ) -> tuple[Tensor, list[int], Tensor | None, Tensor | None]:
        """Windows end to end: embeddings [E, d], lengths [B], and ages and times [E] where they are read."""
        device, user = items.device, self.user
        rows = np.concatenate(windows).astype(np.int64) if len(windows) else np.zeros(0, np.int64)
        ages = times = None
        if ages_s is not None and (user.age is not None or user.calendar is not None):
            flat = np.concatenate(ages_s).astype(np.float64) if len(ages_s) else np.zeros(0)
            ages = torch.from_numpy(flat.astype(np.float32)).to(device)
            if user.calendar is not None and as_of is not None:
                moments = np.repeat(np.asarray(as_of, dtype=np.float64), [len(part) for part in ages_s])
                times = torch.from_numpy(moments - flat).to(device)
        return items[torch.from_numpy(rows).to(device)], [len(window) for window in windows], ages, times

    @torch.inference_mode()
    def encode_users(
        self,
        item_embeddings: Float,
        windows: Sequence[Rows],
        ages_s: Sequence[Seconds] | None = None,
        as_of: Seconds | None = None,
        *,
        label: str = "",
        batch: int = 16_384,
    ) -> Float:
        """User embeddings, [B, d_u]: every item's embedding is read from the table, none is computed again.

        Args:
            item_embeddings: [I, d].
            windows: per user the rows of their items, oldest first, at most `config.history` of them are read.
            ages_s: per user the age in seconds of each event, in the same order, where the model reads times.
            as_of: [B] epoch seconds at which each is read, where it reads the calendar.
            label: shows progress under that name.
            batch: events read at a time; those of histories of similar length are run together.
        """
        items = torch.from_numpy(np.ascontiguousarray(item_embeddings)).to(self.device)
        keep = self.config.history
        lengths = [min(len(window), keep) for window in windows]
        order = sorted(range(len(windows)), key=lambda b: lengths[b])
        out = np.empty((len(windows), self.user.width), dtype=np.float32)
        progress = Progress(label, len(windows), "users") if label else None
        start = 0
        while start < len(order):
            end = start + 1
            events = lengths[order[start]] + 1
            while end < len(order) and events + lengths[order[end]] < batch:
                events += lengths[order[end]] + 1
                end += 1
            part = order[start:end]
            ages = [ages_s[b][-keep:] for b in part] if ages_s is not None else None
            moments = np.asarray(as_of)[part] if as_of is not None else None
            users = self.user_batch(items, [windows[b][-keep:] for b in part], ages, moments)
            out[part] = users.float().cpu().numpy()
            start = end
            if progress:
                progress.advance(len(part))
        if progress:
            progress.close()
        return out

    def embed_profiles(self, profiles: Sequence[str]) -> Tensor:
        """Profiles as the Creative LLM sees them, [B, D]: its last state at a learned vector behind each profile."""
        return self.embed_profile_ids([self.prompts.profile(profile)[:-1] for profile in profiles])

    def embed_profile_ids(self, profiles: Sequence[Sequence[int]]) -> Tensor:
        """The same from token ids of the Creative LLM, without an end."""
        batch = RowBatch.of([Row(words, [Branch(0, (), ())]) for words in profiles]).to(self.device)
        return self.creative.last_states(batch, self.profile_token.unsqueeze(0))

    def next_item_scores(self, states: Tensor, items: Tensor) -> Tensor:
        """How well each item suits as the next one: cosines of projected User LLM states [Q, d_u] to items [I, d]."""
        return (
            nn.functional.normalize(self.next_item_projector(states).float(), dim=-1)
            @ nn.functional.normalize(items.float(), dim=-1).T
        )

    @torch.inference_mode()
    def soft_tokens(self, users: Float) -> Float:
        """Soft tokens of users or centroids: [K, d_u] -> [K, D]."""
        return self.creative.user_projector(torch.from_numpy(users).to(self.device)).float().cpu().numpy()

    def word_means(self, phrases: Sequence[str]) -> Tensor:
        """The mean word embedding of each phrase in the Creative LLM's input space, [P, D] fp32, without gradient."""
        ids = [self.prompts.words(" " + phrase) for phrase in phrases]
        with torch.no_grad():
            table: Tensor = self.creative.base.get_input_embeddings().weight
            words = table[torch.tensor([n for part in ids for n in part], device=self.device)].float()
            lengths = torch.tensor([len(part) for part in ids], device=self.device)
            owner = torch.repeat_interleave(torch.arange(len(ids), device=self.device), lengths)
            sums = torch.zeros(len(ids), words.shape[1], device=self.device).index_add_(0, owner, words)
            return sums / lengths.clamp_min(1).unsqueeze(1)

    def choice_logits(self, soft_tokens: Tensor, points: Sequence[str]) -> Tensor:
        """How well each of one ad's selling points suits each soft token: [B, D] -> [B, P], scaled cosines."""
        towards = directions(self.word_means(points).unsqueeze(0))[0]
        return nn.functional.normalize(soft_tokens.float(), dim=-1) @ towards.T * self.choice_scale()

    @torch.inference_mode()
    def choose_points(self, ad: Ad, soft_tokens: Float) -> Float:
        """Log-probability that each user's titles lead with each selling point of the ad: [K, D] -> [K, points]."""
        logits = self.choice_logits(torch.from_numpy(soft_tokens).to(self.device), ad.selling_points)
        return torch.log_softmax(logits, dim=1).cpu().numpy()

    @property
    def reads_counts(self) -> bool:
        """Whether the match head reads behaviour counts beside the vectors."""
        return self.match.wide is not None

    @torch.inference_mode()
    def match_probabilities(
        self, users: Float, ads: Float, counts: LogCounts | None = None, *, block: int = 65_536
    ) -> Float:
        """Probability that each user (or centroid) clicks each ad.

        Args:
            users: [K, d_u] user embeddings.
            ads: [A, d] item embeddings of the ads' texts.
            counts: of the same users and ads; needed where the head `reads_counts`.
            block: pairs scored at a time; memory is about block x 12 x match_width bytes.

        Returns:
            [K, A] float32 in (0, 1), calibrated if the model carries a calibration.

        Raises:
            ModelError: the head reads counts and there are none.
        """
        head, device = self.match, self.device
        if self.reads_counts and counts is None:
            raise ModelError("the match head reads behaviour counts", got="none", cure="give those of the pairs")
        left = head.user_tower(self.creative.user_projector(torch.from_numpy(users).to(device)))
        right = head.item_tower(torch.from_numpy(ads).to(device))
        scale, offset = self.config.match_calibration
        out = np.empty((len(users), len(ads)), dtype=np.float32)
        step = max(1, block // max(1, len(ads)))
        for start in range(0, len(users), step):
            part = left[start : start + step]
            pairs = (part.repeat_interleave(len(ads), 0), right.repeat(len(part), 1))
            known = None
            if counts is not None:
                known = torch.from_numpy(counts.block(slice(start, start + step))).to(device).flatten(0, 1)
            logits = head.on_towers(*pairs, known).reshape(len(part), len(ads))
            out[start : start + len(part)] = torch.sigmoid(scale * logits + offset).float().cpu().numpy()
        return out


def directions(means: Tensor, counted: Tensor | None = None) -> Tensor:
    """Where phrases lie as seen from the middle of their group, of length 1: what tells them apart from each other.

    Word embeddings share a large part (the phrases of an ad have cosines of 0.93 with each other, seen from the mean of
    the vocabulary), and in that part nothing can be chosen.

    Args:
        means: [G, P, D] mean word embeddings of the phrases of each group.
        counted: [G, P] bool, which of them are there; all when None.

    Returns:
        [G, P, D]; zeros for a phrase that is alone, or not there.
    """
    there = torch.ones(means.shape[:2], device=means.device) if counted is None else counted.to(means)
    middle = (means * there.unsqueeze(-1)).sum(1, keepdim=True) / there.sum(1).clamp_min(1)[:, None, None]
    return nn.functional.normalize((means - middle) * there.unsqueeze(-1), dim=-1)
