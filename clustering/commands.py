"""The commands that `clustering` brings to the program."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast

from creator.core.command import Command, option


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Settings of `cluster`."""

    embeddings: Path = option(help="EMBEDDINGS folder whose users are clustered")
    out: Path = option(help="CLUSTERS folder to make")
    k: int | None = option(None, flags=("-k",), help="number of clusters (default: half the square root of the users)")
    data: Path | None = option(None, help="DATA folder; with it the cards show typical items and interests")
    by: Literal["embedding", "behaviour"] = option(
        "embedding",
        help="what users are alike in: their embedding, or what they did, by kind of item, over all their "
        "past; titles are written for the mean of the members' embeddings either way",
    )
    activity: float = option(
        0.0, help="how much the number of a user's events weighs beside that, which then has length 1; 0 not at all"
    )
    metric: Literal["euclidean", "cosine"] = option("euclidean", help="distance that trains and assigns")
    floor: float | None = option(
        None, help="least cosine of a member to its centroid; members below it keep the original title"
    )
    below_floor: Literal["original", "own"] = option(
        "original", help="what users below the floor get: the original title, or clusters of their own kind if enough"
    )
    attributes: Path | None = option(None, help="table of users (user_id and more) with attributes that must agree")
    exact: tuple[str, ...] = option((), help="columns of that table on which a cluster's members agree exactly")
    previous: Path | None = option(
        None, help="CLUSTERS folder whose ids go on; cards then tell what changed; without -k, k-means starts there"
    )
    min_size: int = option(20, help="least users in a cluster; smaller clusters are merged into their neighbours")
    restarts: int | None = option(
        None, help="seedings tried; the one of least inertia goes on (default: 5 up to 32 clusters, 1 above)"
    )
    iterations: int | None = option(
        None, help="most k-means iterations on all rows trained on (default: 100 up to 32,768 rows, else 2)"
    )
    train_users: int = option(262_144, help="most users to train on; all users are assigned whatever their number")
    history: int | None = option(
        None, help="events in a user's window for the cards (default: as the embeddings were made, else 100)"
    )
    seed: int = option(0, help="seed of samples and seedings")

    @staticmethod
    def faults(options: ClusterOptions) -> list[str]:
        """Values out of range."""
        least = {"k": 1, "min_size": 1, "restarts": 1, "iterations": 1, "train_users": 1, "history": 1, "seed": 0}
        values = {name: getattr(options, name) for name in least}
        found = [
            f"{name}: got {value}, expected at least {least[name]}"
            for name, value in values.items()
            if value is not None and value < least[name]
        ]
        if options.floor is not None and not -1 <= options.floor <= 1:
            found.append(f"floor: got {options.floor}, expected a cosine, -1 to 1")
        if options.below_floor == "own" and options.floor is None:
            found.append("below_floor: 'own' needs a floor")
        if not 0 <= options.activity < float("inf"):
            found.append(f"activity: got {options.activity}, expected a weight of 0 or more")
        if options.data is None and (options.by == "behaviour" or options.activity):
            found.append("data: 'behaviour' and an activity need the DATA folder")
        if bool(options.exact) != (options.attributes is not None):
            found.append("attributes and exact: expected both or neither")
        return found


@dataclass(frozen=True, slots=True)
class ChooseKOptions:
    """Settings of `choose-k`."""

    embeddings: Path = option(help="EMBEDDINGS folder whose users are to be clustered")
    out: Path = option(help="folder to make, with choice.json and choice.png")
    k: tuple[int, ...] = option((), flags=("-k",), help="values to try (default: around half the root of the users)")
    metric: Literal["euclidean", "cosine"] = option("euclidean", help="distance that trains and assigns")
    floor: float | None = option(None, help="least cosine of a member to its centroid, for the reach")
    min_size: int = option(20, help="least users in a cluster, for the reach")
    seeds: int = option(3, help="clusterings of each K, for the stability")
    users: int = option(50_000, help="most users to read")
    ads: int = option(1_000, help="ads that titles are wanted for, for the cost")
    kept_share: float = option(0.25, help="share of the pairs that pruning keeps, for the cost")
    titles: Path | None = option(None, help="TITLES folder of an earlier run, whose pace tells the cost")
    seconds_per_pair: float | None = option(None, help="pace of generation (default: that of the titles, else 0.1)")
    seed: int = option(0, help="first of the seeds")

    @staticmethod
    def faults(options: ChooseKOptions) -> list[str]:
        """Values out of range."""
        least = {"min_size": 1, "seeds": 2, "users": 1, "ads": 1, "seed": 0}
        found = [
            f"{name}: got {getattr(options, name)}, expected at least {bound}"
            for name, bound in least.items()
            if getattr(options, name) < bound
        ]
        found += [f"k: got {k}, expected at least 1" for k in options.k if k < 1]
        if options.floor is not None and not -1 <= options.floor <= 1:
            found.append(f"floor: got {options.floor}, expected a cosine, -1 to 1")
        if not 0 < options.kept_share <= 1:
            found.append(f"kept_share: got {options.kept_share}, expected a share above 0 and at most 1")
        if options.seconds_per_pair is not None and not options.seconds_per_pair > 0:
            found.append(f"seconds_per_pair: got {options.seconds_per_pair}, expected more than 0")
        return found


@dataclass(frozen=True, slots=True)
class AssignOptions:
    """Settings of `assign`."""

    embeddings: Path = option(help="EMBEDDINGS folder of the same model; only the new and changed users will do")
    clusters: Path = option(help="standing CLUSTERS folder")
    out: Path = option(help="CLUSTERS folder to make")
    data: Path | None = option(None, help="DATA folder; with it the cards show typical items and interests")
    attributes: Path | None = option(None, help="table of users with the attributes that the clusters' members share")
    carry: bool = option(True, help="users whom the embeddings lack stay where they are")
    history: int | None = option(None, help="events in a user's window for the cards (default: as embedded, else 100)")
    seed: int = option(0, help="seed of the cards' and the picture's samples")

    @staticmethod
    def faults(options: AssignOptions) -> list[str]:
        """Values out of range."""
        return [
            f"{name}: got {value}, expected at least {least}"
            for name, value, least in (("history", options.history, 1), ("seed", options.seed, 0))
            if value is not None and value < least
        ]


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """Settings of `prune`."""

    model: Path = option(help="MODEL folder whose match head scores the pairs")
    data: Path = option(help="DATA folder with the live ads")
    clusters: Path = option(help="CLUSTERS folder")
    out: Path = option(help="PAIRS folder to make")
    coverage: float | None = option(
        None,
        help="keep, per ad, the fewest clusters that hold this share of its expected reach, "
        "0 to 1; 0.8 when neither this nor a budget is given",
    )
    budget: int | None = option(None, help="keep the N pairs of most expected reach overall")
    max_clusters_per_ad: int | None = option(None, help="most clusters to keep of one ad")
    members: int | None = option(
        None,
        help="members of a cluster asked about each ad, for a head that reads counts; 1 asks their mean instead "
        "(default: up to 256, fewer where there are many pairs)",
    )
    block_pairs: int = option(1_000_000, help="most pairs scored at once; bounds the memory")

    @staticmethod
    def faults(options: PruneOptions) -> list[str]:
        """Values out of range."""
        from clustering.prune import find_faults

        found = find_faults(options.coverage, options.budget, options.max_clusters_per_ad)
        if options.block_pairs < 1:
            found.append(f"block_pairs: got {options.block_pairs}, expected at least 1")
        if options.members is not None and options.members < 1:
            found.append(f"members: got {options.members}, expected at least 1")
        return found


def settings_of(options: object) -> dict[str, object]:
    """What an artefact records of its command's options: all but the paths."""
    values = {field.name: getattr(options, field.name) for field in fields(cast(Any, options))}
    return {name: value for name, value in values.items() if not isinstance(value, Path)}


COMMANDS: tuple[Command, ...] = (
    Command(
        "cluster",
        "group users by k-means on their embeddings, with a card for each group",
        ClusterOptions,
        "clustering.cluster_stage:cluster",
        "hllm-creator cluster --embeddings run/embeddings --data run/data -k 24 --out run/clusters",
    ),
    Command(
        "choose-k",
        "try several numbers of clusters: inertia, similarity, stability, reach and cost, and a recommendation",
        ChooseKOptions,
        "clustering.choice_stage:choose_k",
        "hllm-creator choose-k --embeddings run/embeddings -k 8 16 32 64 --out run/choice",
    ),
    Command(
        "assign",
        "place new and changed users in standing clusters without refitting, and measure drift",
        AssignOptions,
        "clustering.assign_stage:assign",
        "hllm-creator assign --embeddings today/embeddings --clusters run/clusters --out today/clusters",
    ),
    Command(
        "prune",
        "choose the (cluster, ad) pairs that are worth a title",
        PruneOptions,
        "clustering.prune_stage:prune",
        "hllm-creator prune --model run/model --data run/data --clusters run/clusters --coverage 0.8 --out run/pairs",
    ),
)
