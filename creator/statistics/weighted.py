"""Effects when each exposure's variation was drawn with a known probability of its own, as a bandit does.

Plain click rates are biased then: a variation is shown more often after good luck than after bad, so that the bad luck
stands uncorrected (Nie, Tian, Taylor and Zou, AISTATS 2018). Weighing each exposure by one over its probability mends
it (Horvitz and Thompson 1952; as a ratio of sums, Hajek 1971); a model of the click rate beside it takes variance away
and may be wrong (Dudik, Langford and Li, "Doubly Robust Policy Evaluation", ICML 2011). Every exposure's probability
must have been fixed before it was drawn and be bounded away from 0. Shapes: N users, columns (control, treatment).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from creator.statistics.ratio import Effect, Floats

Whole = npt.NDArray[np.int64]


def paired(numerators: Floats, denominators: Floats) -> tuple[Effect, tuple[float, float]]:
    """The effect between two ratios of sums over the same users, by the delta method.

    Args:
        numerators: [N, 2], each user's share of the sum above the line.
        denominators: [N, 2], and below it.

    Returns:
        the effect, and the two ratios. NaN standard errors with fewer than two users.
    """
    n = len(numerators)
    above, below = numerators.mean(axis=0), denominators.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = above / below
        pull = (numerators - ratio * denominators) / below  # what each user adds to a ratio; sums to 0
        difference = pull[:, 1] - pull[:, 0]
        lift = pull[:, 1] / ratio[0] - ratio[1] * pull[:, 0] / ratio[0] ** 2
        spread = [np.sqrt((part**2).sum() / (n - 1) / n) if n > 1 else np.nan for part in (difference, lift)]
        effect = Effect(ratio[1] - ratio[0], np.asarray(spread[0]), ratio[1] / ratio[0] - 1, np.asarray(spread[1]))
    return effect, (float(ratio[0]), float(ratio[1]))


def inverse(
    clicked: Floats, drawn: Whole, propensity: Floats, user: Whole, users: int
) -> tuple[Effect, tuple[float, float]]:
    """The effect by inverse propensities.

    Args:
        clicked: [E], clicks of each exposure.
        drawn: [E], 0 for the control, 1 for the treatment, anything else for a third variation.
        propensity: [E], of what was drawn.
        user: [E], whose exposure it is, 0 to N - 1.
        users: N.
    """
    weights = [np.where(drawn == arm, 1 / propensity, 0.0) for arm in (0, 1)]
    above, below = (
        np.stack([np.bincount(user, w * part, users).astype(np.float64) for w in weights], axis=1)
        for part in (clicked, np.ones(len(user)))
    )
    return paired(above, below)


def doubly_robust(
    clicked: Floats,
    drawn: Whole,
    propensity: Floats,
    user: np.ndarray,
    users: int,
    context: np.ndarray,
    folds: int = 5,
) -> tuple[Effect, tuple[float, float]]:
    """The effect by inverse propensities around a model: the click rate of each variation in each context.

    The model is fitted on other users than those it is used for, and drawn to the variation's own rate where a context
    was seldom shown.

    Args:
        clicked, drawn, propensity, user, users: as `inverse`.
        context: [E], a whole number from 0 for each ad and cluster.
        folds: into how many parts users are cut.
    """
    contexts = int(context.max()) + 1 if len(context) else 0
    fold = user % folds
    above = np.zeros((users, 2))
    for arm in (0, 1):
        mine = drawn == arm
        model = np.zeros(len(clicked))
        for part in range(folds):
            fit, use = mine & (fold != part), fold == part
            rate = (clicked[fit].sum() + 0.5) / (fit.sum() + 1)
            counts = np.bincount(context[fit], minlength=contexts)
            clicks = np.bincount(context[fit], clicked[fit], contexts)
            model[use] = ((clicks + 1) / (counts + 1 / rate))[context[use]]  # a prior worth one click
        score = model + np.where(mine, (clicked - model) / propensity, 0.0)
        above[:, arm] = np.bincount(user, score, users)
    below = np.bincount(user, minlength=users).astype(np.float64)
    return paired(above, np.stack([below, below], axis=1))
