"""Words and their contexts: text as a table that a model of words can be fitted to."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from latentprob.errors import DataError

NOISE_POWER = 0.75  # of a word's frequency, in which negative samples are drawn (Mikolov et al., 2013)


def word_pairs(
    tokens: Sequence[str], window: int = 2, negatives: int = 5, least: int = 1, seed: int = 0
) -> pd.DataFrame:
    """Words with the words around them, and as many negative samples for each pair: columns word, context, pair.

    window: how many words to each side are the neighbours of a word. negatives: neighbours for each pair that were
    drawn by the words' frequency to the power 0.75 instead of seen; there `pair` is 0 (Mikolov et al., 2013).
    least: how often a word occurs at least; rarer ones are left out before the windows are laid.

    >>> import latentprob as lp
    >>> table = lp.datasets.word_pairs("the cat saw the dog".split(), window=1, negatives=1)
    >>> table["pair"].value_counts().to_dict()
    {1: 8, 0: 8}
    """
    counts = Counter(tokens)
    kept = [token for token in tokens if counts[token] >= least]
    if len(kept) < 2:
        raise DataError(f"the text has {len(kept)} words that occur {least} times: two at least have a context.")
    if window < 1 or negatives < 0:
        raise DataError(f"window={window}, negatives={negatives}: a window is 1 at least, negatives are 0 at least.")
    place, other = np.meshgrid(np.arange(len(kept)), np.arange(-window, window + 1), indexing="ij")
    inside = (other != 0) & (place + other >= 0) & (place + other < len(kept))
    words, found = np.asarray(kept, object), (place[inside], (place + other)[inside])
    names, often = np.unique(kept, return_counts=True)
    chances = often**NOISE_POWER / (often**NOISE_POWER).sum()
    drawn = np.random.default_rng(seed).choice(names, (len(found[0]), negatives), p=chances).astype(object)
    word = np.repeat(words[found[0]], 1 + negatives)
    context = np.column_stack([words[found[1]], drawn]).ravel()
    return pd.DataFrame({"word": word, "context": context, "pair": np.tile([1, *[0] * negatives], len(found[0]))})
