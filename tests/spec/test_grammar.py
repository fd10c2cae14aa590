"""The statement language: what it admits, and what it says of the rest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import latentprob as lp
from latentprob.errors import ModelError

# text, column of the caret (from 1, on the last line of the message), what the message says
REFUSED = {
    "unknown distribution": ("x ~ Nomal(0, 1)", 5, "Nomal is not part of the language; write Normal"),
    "unknown map": ("x ~ Normal(loc=Lineer(z), scale=1)", 16, "Lineer is not part of the language; write Linear"),
    "unknown, in small letters": ("x ~ normal(0, 1)", 5, "write Normal"),
    "unknown argument": ("x ~ Normal(loc=0, scal=1)", 19, "no argument 'scal'; write scale="),
    "synonym": ("x ~ Normal(mu=0, scale=1)", 12, "no argument 'mu'; write loc="),
    "argument twice": ("x ~ Normal(0, loc=1, scale=1)", 19, "got 'loc' twice"),
    "too many arguments": ("x ~ HalfNormal(1, 2)", 19, "at most 1 arguments .scale.; found 2"),
    "two stars": ("x ~ Normal(**z)", 12, "write the arguments one by one"),
    "one star": ("x ~ Normal(*z)", 12, "write the arguments one by one"),
    "product": ("x ~ Normal(0, 2*z)", 15, "2 \\* z is not allowed here.*only \\+ joins maps"),
    "difference": ("x ~ Normal(loc=Table(c) - Linear(z), scale=1)", 16, "not allowed here"),
    "tuple": ("x ~ Normal((0, 1), 1)", 12, "a list is written in"),
    "attribute": ("x ~ lp.Normal(0, 1)", 5, "not allowed here"),
    "method": ("x ~ Normal(loc=z.real, scale=1)", 16, "write the bare name"),
    "index of an input": ("x ~ Normal(loc=e[head], scale=1)", 16, "e has no statement, so it has no levels"),
    "lambda": ("x ~ Normal(loc=lambda: 0, scale=1)", 16, "not allowed here"),
    "call of a call": ("x ~ Normal(0, 1)(2)", 5, "not allowed here"),
    "comparison": ("x ~ Normal(0, 1 < 2)", 15, "not allowed here"),
    "walrus": ("x ~ Normal(0, (y := 1))", 16, "not allowed here"),
    "comprehension": ("x ~ Normal([i for i in z], 1)", 12, "not allowed here"),
    "f-string": ('x ~ MLP(z, activation=f"relu")', 23, "without f"),
    "bytes": ("x ~ MLP(z, activation=b'relu')", 23, "not allowed here"),
    "None": ("x ~ Normal(0, None)", 15, "leave the argument out"),
    "ellipsis": ("x ~ Normal(0, ...)", 15, "not allowed here"),
    "complex": ("x ~ Normal(0, 1j)", 15, "not allowed here"),
    "boolean": ("x ~ Normal(0, True)", 15, "True is no number; write 1"),
    "negative boolean": ("x ~ Normal(-True, 1)", 12, "not allowed here"),
    "plus sign": ("x ~ Normal(+1, 1)", 12, "not allowed here"),
    "two minus signs": ("x ~ Normal(--1, 1)", 12, "not allowed here"),
    "minus a map": ("x ~ Normal(-Linear(z), 1)", 12, "a minus stands in front of a number only"),
    "infinity": ("x ~ Normal(0, 1e999)", 15, "inf is not finite"),
    "minus infinity": ("x ~ Normal(-1e999, 1)", 12, "-inf is not finite"),
    "infinite whole number": ("x ~ Normal(0, 1" + "0" * 400 + ")", 15, "is not finite"),
    "name in quotes": ('x ~ Normal(loc="z", scale=1)', 16, "a name is written without quotes: z"),
    "name in quotes, in a map": ('x ~ Normal(loc=Table("c"), scale=1)', 22, "without quotes: c"),
    "name in quotes, in a sum": ('x ~ Normal(loc=Table(c) + "z", scale=1)', 27, "without quotes: z"),
    "option without quotes": ("x ~ Normal(loc=MLP(z, activation=relu), scale=1)", 34, 'in quotes: "relu"'),
    "unknown option": ('x ~ Normal(loc=MLP(z, activation="rleu"), scale=1)', 34, "Nearest is 'relu'"),
    "prior without quotes": ("x ~ Normal(loc=Table(c, prior=point), scale=1)", 31, 'in quotes: "point"'),
    "unknown prior": ('x ~ Normal(loc=Table(c, prior="flat"), scale=1)', 31, 'flat is no prior; write.*"point"'),
    "map without brackets": ("x ~ Normal(loc=Linear, scale=1)", 16, "Linear takes its arguments in brackets"),
    "map of a map": ("x ~ Normal(loc=Linear(MLP(z)), scale=1)", 23, "MLP.z. is no name"),
    "map of a sum": ("x ~ Normal(loc=Linear(y + z), scale=1)", 23, "y \\+ z is no name"),
    "no parent": ("x ~ Normal(loc=Linear(), scale=1)", 16, "Linear needs 'parent', a name"),
    "parent is a number": ("x ~ Normal(loc=Linear(3), scale=1)", 23, "3 is no name"),
    "names in a list": ("x ~ Normal([y, z], 1)", 12, "a list holds numbers; found y"),
    "empty list": ("x ~ Normal([], 1)", 12, "the list is empty"),
    "ragged list": ("x ~ MultivariateNormal(0, [[1, 0], [1]])", 27, "differ in length"),
    "sum of numbers": ("x ~ Normal(0, 1 + 2)", 15, "1 \\+ 2 is no sum of maps"),
    "size true": ("x ~ Normal(0, 1, size=True)", 23, "True is no size"),
    "size in quotes": ('x ~ Normal(0, 1, size="2")', 23, "'2' is no size"),
    "size zero": ("x ~ Normal(0, 1, size=0)", 23, "0 is no size; write a whole number from 1"),
    "size negative": ("x ~ Normal(0, 1, size=-2)", 23, "-2 is no size"),
    "size fraction": ("x ~ Normal(0, 1, size=2.0)", 23, "2.0 is no size"),
    "size a name": ("x ~ Normal(0, 1, size=k)", 23, "takes no variable; found k"),
    "hidden no list": ("x ~ Normal(loc=MLP(z, hidden=64), scale=1)", 30, "64 is no list of widths"),
    "hidden zero": ("x ~ Normal(loc=MLP(z, hidden=[64, 0]), scale=1)", 30, "whole numbers from 1"),
    "per_feature a number": ("x ~ Normal(loc=Table(c, per_feature=0), scale=1)", 37, "boolean"),
    "equals with a law": ("z = Normal(0, 1)", 5, "is a distribution: a random variable is written z ~ Normal"),
    "equals with a number": ("z = 3", 5, "3: this is no map; what follows '=' is one map, such as Linear"),
    "equals with a sum": ("z = Linear(x) + Linear(w)", 5, "this is a sum; what follows '=' is one map"),
    "nothing behind equals": ("z =", 4, "nothing follows 'z ='; write a map, such as Linear"),
    "no name in front of equals": ("= Linear(x, size=2)", 1, "the name in front of '=' is missing"),
    "an index before equals": ("z[0] = Linear(x, size=2)", 1, "an index is one name, .*; write u.user. = ..."),
    "a size of zero behind equals": ("z = Linear(x, size=0)", 20, "0 is no size"),
    "empty index": ("u[] ~ Normal(0, 1)", 1, "'u..': an index is one name, of a column or of an axis"),
    "two indices": ("u[a, b] ~ Normal(0, 1)", 1, "an index is one name"),
    "index of an index": ("u[a][b] ~ Normal(0, 1)", 1, "an index is one name"),
    "index of nothing": ("[a] ~ Normal(0, 1)", 1, "an index is one name"),
    "number in a lookup": ("x ~ Normal(loc=u[0], scale=1)", 16, "a lookup is the name of a variable and of a column"),
    "string in a lookup": ("x ~ Normal(loc=u['a'], scale=1)", 16, "a lookup is the name of a variable and"),
    "map in a lookup": ("x ~ Normal(loc=u[Linear], scale=1)", 18, "Linear takes its arguments in brackets"),
    "lookup as an option": ("x ~ Normal(0, 1, size=u[user])", 23, "takes no variable; found u.user."),
    "two statements of one variable": ("u[a] ~ Normal(0, 1)\nu[b] ~ Normal(0, 1)", 1, "u is stated twice"),
    "no tilde": ("Normal(0, 1)", 1, "found no '~'"),
    "arrow": ("x <- Normal(0, 1)", 1, "found no '~'"),
    "no name": ("~ Normal(0, 1)", 1, "the name in front of '~' is missing"),
    "name with a digit": ("3x ~ Normal(0, 1)", 1, "'3x' is no name"),
    "two names": ("x y ~ Normal(0, 1)", 1, "'x y' is no name"),
    "no law": ("x ~   # later", 4, "nothing follows 'x ~'"),
    "tilde twice": ("x ~ ~Normal(0, 1)", 5, "not allowed here"),
    "two statements a line": ("x ~ Normal(0, 1) y", 5, "one statement a line"),
    "semicolon": ("x ~ Normal(0, 1); y", 17, "one statement a line"),
    "comma behind": ("x ~ Normal(0, 1),", 5, "not allowed here"),
    "open bracket": ("x ~ Normal(0, 1", 11, "'\\(' is never closed"),
    "open bracket before a statement": ("x ~ Normal(0, 1\ny ~ Normal(0, 1)", 11, "'\\(' is never closed"),
    "close bracket": ("x ~ Normal(0, 1))", 17, "'\\)' closes nothing"),
    "wrong bracket": ("x ~ Normal([0, 1), 1)", 17, "'\\)' closes nothing"),
    "open string": ('x ~ Normal(loc=MLP(z, activation="relu), scale=1)', 34, "the string is not closed"),
    "backslash": ("x ~ Normal(0, \\\n1)", 15, "is not allowed"),
    "not ASCII": ("größe ~ Normal(0, 1)", 3, "'ö' is not allowed; names and strings are ASCII"),
    "twice": ("x ~ Normal(0, 1)\nx ~ Normal(0, 1)", 1, "x is stated twice .first in line 1."),
    "too deep": ("x ~ Normal(" + "[" * 150 + "1" + "]" * 150 + ", 1)", 12, "nested|list of lists"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_refused_at_its_place(case):
    text, column, message = REFUSED[case]
    with pytest.raises(ModelError, match=message) as found:
        lp.Model(text)
    *_, quoted, caret = str(found.value).splitlines()
    assert quoted.strip() in text
    assert caret.index("^") + 1 - len("    ") == column == found.value.column


def test_the_line_of_a_mistake_is_counted_over_comments_blank_lines_and_wrapped_statements():
    text = "# a ( comment ~\n\nc ~ Categorical(\n    size=2  # levels )\n)\n\tx ~ Normal(loc=Table(c),\n\t    scal=1)\n"
    with pytest.raises(ModelError, match=re.escape("line 7, column 6: Normal has no argument 'scal'")) as found:
        lp.Model(text)
    assert str(found.value).endswith("\n    \t    scal=1)\n    \t    ^")
    assert (found.value.line, found.value.column) == (7, 6)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_on_every_system(end):
    assert list(lp.Model(f"c ~ Categorical(size=2){end}x ~ Poisson(rate=Table(c)){end}")) == ["c", "x"]


def test_comments_blank_lines_and_wrapping_say_nothing():
    text = """
        # a comment: "quoted, (open
        c ~ Categorical(size=3)   # levels ö

        x ~ StudentT(
            loc=Table(c),         # one a level
            scale=Table(c),
        )
    """
    assert lp.Model(text) == lp.Model("c ~ Categorical(size=3)\nx ~ StudentT(loc=Table(c), scale=Table(c))")


def test_text_is_never_evaluated(tmp_path):
    file = tmp_path / "made"
    with pytest.raises(ModelError, match="not allowed here"):
        lp.Model(f"x ~ Normal(0, open({str(file)!r}, 'w').close())")
    with pytest.raises(ModelError, match="__import__ is not part of the language"):
        lp.Model("x ~ Normal(0, __import__('os'))")
    assert not file.exists()


@given(st.text(alphabet="xzc~=()[]{}+-*.,:;#'\"\\ \n\t019eNormalTbi_é\0", max_size=40))
def test_any_text_is_a_model_or_a_model_error(text):
    try:
        model = lp.Model(text)
    except ModelError as error:
        assert "Traceback" not in str(error)  # noqa: PT017
    else:
        assert lp.Model(str(model)) == model


@given(st.text(alphabet="xz()[]{}+-*/.,:'\"@<1ejNTlabrino fos=", max_size=25))
def test_any_argument_is_a_model_or_a_model_error(text):
    try:
        lp.Model(f"x ~ Normal(loc={text}, scale=1)")
    except ModelError as error:
        assert error.line == 1  # noqa: PT017


WRITTEN = [
    "z ~ Normal(0, 1, size=2)",
    "z ~ Normal(loc=[0, 0.5], scale=1, size=2)",
    "x ~ Normal(loc=Linear(z), scale=PerFeature())",
    "x ~ Normal(loc=Linear(z, by=c) + Table(d) + 0.5, precision=Gamma(2, 0.1))",
    "x ~ Normal(loc=Table(c, prior=Normal(0, 10)), scale=HalfNormal(1))",
    'x ~ Normal(loc=Linear(z, weights="point"), scale=Shared(prior="point"))',
    "x ~ Normal(loc=z, scale=0.4)",
    "c ~ Categorical(probs=Dirichlet(1), size=3)",
    "c ~ Categorical(probs=[0.25, 0.75], size=2)",
    'x ~ Bernoulli(logits=MLP(z, hidden=[256, 128], activation="tanh"))',
    'x ~ Bernoulli(logits=Module(z, name="decoder"))',
    "x ~ Poisson(rate=Table(c, per_feature=False))",
    "x ~ MultivariateNormal(loc=PerFeature(), covariance=[[1, 0.5], [0.5, 1]], size=2)",
    "x ~ MultivariateNormal(loc=Table(c), scale=Table(c), correlation=LKJ(2))",
    "x ~ StudentT(4, -1, 1e-05)",
    "x ~ StudentT(loc=0, scale=1)",
    "x ~ Normal(0, scale=Uniform(0, 5))",
    "x ~ NegativeBinomial(total_count=PerFeature(), probs=Table(c))",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_statement_is_written_as_it_was_read(text):
    assert str(lp.Model(text)) == text
