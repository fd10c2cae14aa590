"""Words and their contexts, counted by hand."""

import pytest

from latentprob.datasets import word_pairs
from latentprob.errors import DataError

TOKENS = ["a", "rose", "is", "a", "rose", "is", "a", "rose"]


def test_every_pair_within_the_window_is_there_once():
    found = word_pairs(TOKENS, window=2, negatives=0)
    near = [(TOKENS[i], TOKENS[j]) for i in range(8) for j in range(8) if i != j and abs(i - j) <= 2]
    assert sorted(zip(found["word"], found["context"], strict=True)) == sorted(near)
    assert (found["pair"] == 1).all()


def test_negative_samples_follow_each_pair_by_the_frequency_of_words():
    found = word_pairs(TOKENS * 400, window=1, negatives=3, seed=1)
    assert found["pair"].tolist()[:8] == [1, 0, 0, 0, 1, 0, 0, 0]
    assert (found["word"].to_numpy().reshape(-1, 4) == found["word"].to_numpy()[::4, None]).all()
    shares = found.loc[found["pair"] == 0, "context"].value_counts(normalize=True)
    weights = {"a": 3**0.75, "rose": 3**0.75, "is": 2**0.75}
    for word, weight in weights.items():
        assert shares[word] == pytest.approx(weight / sum(weights.values()), abs=0.02)


def test_rare_words_are_left_out_before_the_windows_are_laid():
    found = word_pairs(["x", "y", "once", "x", "y"], window=1, negatives=0, least=2)
    assert list(zip(found["word"], found["context"], strict=True))[1:3] == [("y", "x"), ("y", "x")]
    assert "once" not in set(found["word"])


def test_a_seed_gives_one_table():
    assert word_pairs(TOKENS, seed=3).equals(word_pairs(TOKENS, seed=3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tokens": ["a"]}, "the text has 1 words that occur 1 times"),
        ({"tokens": TOKENS, "least": 9}, "the text has 0 words that occur 9 times"),
        ({"tokens": TOKENS, "window": 0}, "a window is 1 at least"),
        ({"tokens": TOKENS, "negatives": -1}, "negatives are 0 at least"),
    ],
)
def test_a_text_without_contexts_is_refused(given, message):
    with pytest.raises(DataError, match=message):
        word_pairs(**given)
