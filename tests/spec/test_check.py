"""Statements that can be read and have no meaning."""

import pytest

import latentprob as lp
from latentprob.errors import ModelError

C, Z = "c ~ Categorical(size=2)\n", "z ~ Normal(0, 1)\n"

# text, line and column of the caret, what the message says
REFUSED = {
    "empty": ("", None, "the model is empty; write at least one statement"),
    "only a comment": ("# nothing", None, "the model is empty"),
    # required parameters
    "no loc": ("x ~ Normal(scale=1)", (1, 5), "Normal needs loc"),
    "no scale": ("x ~ Normal(loc=0)", (1, 5), "Normal needs scale or variance or precision"),
    "two scales": ("x ~ Normal(0, 1, precision=2)", (1, 28), "exactly one of scale or variance or precision; found"),
    "no covariance": ("x ~ MultivariateNormal(loc=0)", (1, 5), "covariance or precision or scale_tril or scale with"),
    "scale alone": ("x ~ MultivariateNormal(0, scale=1)", (1, 33), "scale with correlation; found scale"),
    "correlation alone": (
        "x ~ MultivariateNormal(0, correlation=Shared())",
        (1, 39),
        "scale with correlation; found correlation",
    ),
    "correlation with covariance": (
        "x ~ MultivariateNormal(0, covariance=Shared(), scale=1, correlation=Shared())",
        (1, 69),
        "found covariance and scale and correlation",
    ),
    "no rate": ("x ~ Poisson()", (1, 5), "Poisson needs rate"),
    "no total_count": ("x ~ NegativeBinomial(probs=0.5)", (1, 5), "needs total_count"),
    "neither probs nor logits": ("x ~ NegativeBinomial(5)", (1, 5), "needs probs or logits"),
    "both probs and logits": ("x ~ Bernoulli(0.5, 0)", (1, 20), "exactly one of probs or logits"),
    "prior without its parameters": ("x ~ Normal(0, InverseGamma(2))", (1, 15), "InverseGamma needs rate"),
    "student prior without df": (
        "x ~ Normal(StudentT(loc=0, scale=1), 1)",
        (1, 12),
        "StudentT needs df",
    ),
    # parents
    "Linear of a level": (C + "x ~ Normal(loc=Linear(c), scale=1)", (2, 23), "c is discrete .Categorical.*write Table"),
    "MLP of a level": (C + "x ~ Normal(loc=MLP(c), scale=1)", (2, 20), "write Table.c"),
    "GP of a level": (C + "x ~ Normal(loc=GP(c), scale=1)", (2, 19), "write Table.c"),
    "lengthscale below 0": ("x ~ Normal(GP(w, lengthscale=Normal(0, 1)), 1)", (1, 30), "are not all above 0"),
    "two intercepts, of a process": (
        "x ~ Normal(PerFeature() + GP(w, intercept=Normal(0, 1)), 1)",
        (1, 43),
        "the sum has one intercept, that of PerFeature",
    ),
    "probs of a GP": ("c ~ Categorical(probs=GP(z), size=3)", (1, 23), "write logits=GP.z"),
    "Module of a level": (C + 'x ~ Normal(loc=Module(c, name="f"), scale=1)', (2, 23), "write Table.c"),
    "name of a level": (C + "x ~ Normal(loc=c, scale=1)", (2, 16), "write Table.c"),
    "Linear of a Bernoulli": ("b ~ Bernoulli()\nx ~ Normal(loc=Linear(b), scale=1)", (2, 23), "discrete .Bernoulli."),
    "Table of a normal": (Z + "x ~ Normal(loc=Table(z), scale=1)", (2, 22), "z has no levels .Normal.*write Linear.z"),
    "Table of a count": ("n ~ Poisson(3)\nx ~ Normal(loc=Table(n), scale=1)", (2, 22), "n has no levels .Poisson."),
    "by a normal": (Z + "x ~ Normal(loc=Linear(w, by=z), scale=1)", (2, 29), "leave by= out"),
    "an input as both": ("x ~ Normal(loc=Table(w), scale=Linear(w))", (1, 39), "w is read as levels and as numbers"),
    "by itself": ("x ~ Normal(loc=Linear(w, by=w), scale=1)", (1, 29), "w is read as levels and as numbers"),
    # domains
    "probs of a Linear": ("x ~ Bernoulli(probs=Linear(z))", (1, 21), "write logits=Linear.z"),
    "probs of a sum": ("x ~ Bernoulli(probs=Table(c) + PerFeature())", (1, 21), "write logits=Table.c. . PerFeature"),
    "probs of an MLP": ("c ~ Categorical(probs=MLP(z), size=3)", (1, 23), "write logits=MLP.z"),
    "probs of a NegativeBinomial": ("x ~ NegativeBinomial(5, probs=Linear(z))", (1, 31), "write logits=Linear.z"),
    "loc of a Bernoulli": ("x ~ Bernoulli(loc=Linear(z))", (1, 15), "Bernoulli has no argument 'loc'.*probs, logits"),
    "negative scale": ("x ~ Normal(0, -1)", (1, 15), "found -1; allowed are numbers above 0"),
    "zero rate": ("x ~ Poisson(0)", (1, 13), "found 0; allowed are numbers above 0"),
    "negative in a list": ("x ~ Normal(0, [1, -1])", (1, 19), "found -1; allowed are numbers above 0"),
    "probs above 1": ("x ~ Bernoulli(1.5)", (1, 15), "found 1.5; allowed are numbers from 0 to 1"),
    "probs below 0": ("x ~ Bernoulli(probs=[0.5, -0.1])", (1, 27), "found -0.1"),
    "probs that do not add up": ("c ~ Categorical([0.3, 0.6])", (1, 17), "the sum 0.9; write probabilities"),
    "probs a number": ("c ~ Categorical(0.3, size=2)", (1, 17), "found the number 0.3; write a list"),
    "probs a name": ("c ~ Categorical(w, size=2)", (1, 17), "found the name w; write Table.w"),
    "list of lists": ("x ~ Normal([[0, 1]], 1)", (1, 12), "found a list of lists"),
    "a real parent as a rate": (Z + "x ~ Poisson(rate=z)", (2, 18), "z ~ Normal.0, 1. can lie outside.*write Linear"),
    "a real prior of a scale": ("x ~ Normal(0, Normal(0, 1))", (1, 15), "not all above 0; write one of .*HalfNormal"),
    "a wide prior of a probability": (
        "x ~ Bernoulli(HalfNormal(1))",
        (1, 15),
        "not all from 0 to 1; write one of Beta",
    ),
    "a wide uniform prior": ("x ~ Bernoulli(Uniform(0, 2))", (1, 15), "not all from 0 to 1"),
    "a uniform prior below 0": ("x ~ Normal(0, Uniform(-1, 1))", (1, 15), "not all above 0"),
    "an upside-down uniform": ("x ~ Normal(0, Uniform(2, 1))", (1, 15), "the upper bound is not above the lower"),
    "a discrete prior": ("x ~ Normal(Poisson(3), 1)", (1, 12), "not all real numbers"),
    "a scalar prior of a simplex": ("c ~ Categorical(Beta(1, 1), size=2)", (1, 17), "write one of Dirichlet"),
    "a vector prior of a number": ("x ~ Normal(Dirichlet(1), 1)", (1, 12), "not all real numbers"),
    "a prior in a table": ("x ~ Normal(0, Table(c, prior=Normal(0, 1)))", (1, 30), "not all above 0"),
    "a prior of weights": ("x ~ Normal(Linear(z, weights=LKJ(1)), 1)", (1, 30), "not all real numbers"),
    "a prior in a sum": ("x ~ Normal(Linear(z) + Normal(0, 1), 1)", (1, 24), "write Shared.prior=Normal.0, 1"),
    "a prior that reads": ("x ~ Normal(0, HalfNormal(Table(c)))", (1, 26), "known numbers; found Table.c"),
    "a prior that reads a name": ("x ~ Normal(Normal(z, 1), 1)", (1, 19), "known numbers; found z"),
    "a prior of a prior": ("x ~ Normal(0, HalfNormal(HalfNormal(1)))", (1, 26), "known numbers; found HalfNormal"),
    "a prior with a bad number": ("x ~ Normal(0, HalfNormal(-1))", (1, 26), "found -1; allowed are numbers above 0"),
    "a prior with a size": ("x ~ Normal(Normal(0, 1, size=2), 1)", (1, 30), "a size has no meaning in a prior"),
    # matrices
    "a number for a matrix": ("x ~ MultivariateNormal(0, 2)", (1, 27), "found the number 2; write a matrix"),
    "a list for a matrix": ("x ~ MultivariateNormal(0, [1, 2])", (1, 27), "no square matrix"),
    "not square": ("x ~ MultivariateNormal(0, [[1, 0]])", (1, 27), "no square matrix"),
    "not symmetric": ("x ~ MultivariateNormal(0, [[1, 0.5], [0.4, 1]])", (1, 27), "not symmetric"),
    "not positive definite": ("x ~ MultivariateNormal(0, [[1, 2], [2, 1]])", (1, 27), "not positive definite"),
    "not triangular": ("x ~ MultivariateNormal(0, scale_tril=[[1, 2], [2, 1]])", (1, 38), "a lower triangle"),
    "not a correlation": (
        "x ~ MultivariateNormal(0, scale=1, correlation=[[1, 0], [0, 2]])",
        (1, 48),
        "the diagonal of a correlation matrix is 1",
    ),
    "PerFeature for a matrix": ("x ~ MultivariateNormal(0, PerFeature())", (1, 27), "one matrix.*write Shared"),
    "Linear for a matrix": ("x ~ MultivariateNormal(0, Linear(z))", (1, 27), "a matrix has no predictor"),
    "a sum for a matrix": ("x ~ MultivariateNormal(0, Shared() + Table(c))", (1, 27), "a matrix has no predictor"),
    "a name for a matrix": ("x ~ MultivariateNormal(0, z)", (1, 27), "found the name z"),
    "per_feature of a matrix": ("x ~ MultivariateNormal(0, Table(c, per_feature=False))", (1, 48), "leave per_feature"),
    "LKJ of a covariance": ("x ~ MultivariateNormal(0, LKJ(1))", (1, 27), "write one of NormalWishart, Wishart"),
    "Wishart of a scale": ("x ~ Normal(0, Wishart(3))", (1, 15), "not all above 0"),
    "NormalWishart and a loc of another kind": (
        "x ~ MultivariateNormal(0, NormalWishart(df=3))",
        (1, 24),
        "the prior of loc and covariance together; write loc=PerFeature",
    ),
    "NormalWishart and a prior of loc": (
        "x ~ MultivariateNormal(Table(c, prior=Normal(0, 1)), Table(c, prior=NormalWishart(df=3)))",
        (1, 24),
        "write loc=Table.c",
    ),
    # statements
    "a prior as a law": ("x ~ HalfNormal(1)", (1, 5), "HalfNormal stands only in a parameter's place"),
    "a map as a law": ("x ~ Table(c)", (1, 5), "is a map: a deterministic variable is written x = Table"),
    "no size behind equals": (
        "z = Linear(x)\nx ~ Normal(loc=Linear(z), scale=1)",
        (1, 5),
        "the size of z is missing; write size=2",
    ),
    "nothing reads it": (
        "z = Linear(x, size=2)\nx ~ Normal(0, 1)",
        (1, 1),
        "nothing reads z; leave it out, or read it",
    ),
    "a map of another kind": (
        "z = Table(g)\nx ~ Normal(loc=Linear(z), scale=1)",
        (1, 5),
        "Table stands only in an argument of a distribution; write z = Linear",
    ),
    "a circle of deterministic ones": (
        "h = Linear(z, size=2)\nz = Linear(h, size=2)\nx ~ Normal(loc=Linear(z), scale=1)",
        (1, 5),
        "in a circle: h reads z reads h",
    ),
    "a size inside": ("x ~ Normal(loc=Linear(z, size=2), scale=1)", (1, 31), "the size is that of x; leave size out"),
    "nearest inside": (
        "x ~ Normal(loc=Nearest(y, size=2), scale=1)",
        (1, 16),
        "is a level; write c = Nearest",
    ),
    "nearest without a table": (
        "c = Nearest(x, size=2)\ny ~ Normal(loc=Table(c), scale=1)\nx ~ Normal(0, 1)",
        (1, 13),
        "x has none; write x ~ Normal.loc=Table.c., scale=Shared",
    ),
    "nearest beside another": (
        "c = Nearest(x, size=2)\nz = Linear(x, size=1)\nx ~ Normal(loc=Table(c) + Linear(z), scale=1)",
        (1, 13),
        "x reads z beside c, and its table alone does not say which row is nearest",
    ),
    "nearest of one level": ("c = Nearest(x, size=1)\nx ~ Normal(loc=Table(c), scale=1)", (1, 5), "a size from 2"),
    "nearest as numbers": (
        "c = Nearest(x, size=3)\nx ~ Normal(loc=Table(c) + Linear(c), scale=1)",
        (2, 34),
        "c is discrete .Nearest. and is read as numbers here; write Table",
    ),
    "a point as levels": (
        "z = Linear(x, size=2)\nx ~ Normal(loc=Table(z), scale=1)",
        (2, 22),
        "z has no levels .Linear.*; write Linear",
    ),
    "levels encoded as numbers": (
        "z = Linear(x, size=2)\nx ~ Categorical(logits=Linear(z), size=3)",
        (1, 12),
        "x is Categorical, and Linear reads numbers; write MLP",
    ),
    "spread of a location": ("x ~ Normal(loc=Spread(), scale=1)", (1, 16), "found Spread.*; write scale=Spread"),
    "a prior behind equals": (
        "z = Linear(x, weights=HalfNormal(-1), size=2)\nx ~ Normal(loc=Linear(z), scale=1)",
        (1, 34),
        "allowed are numbers above 0",
    ),
    "a number as a law": ("x ~ 3", (1, 5), "this is no distribution"),
    "a name as a law": ("x ~ y", (1, 5), "this is no distribution"),
    "a circle": (
        "a ~ Normal(loc=Linear(b), scale=1)\nb ~ Normal(loc=1 + Linear(a), scale=1)",
        (1, 16),
        "in a circle: a reads b reads a",
    ),
    "a circle of one": ("a ~ Normal(loc=Linear(a), scale=1)", (1, 16), "in a circle: a reads a"),
    # names
    "a reserved word": ("rows ~ Normal(0, 1)", (1, 1), "'rows' is a word of the program's text; write .* rows_"),
    "a keyword": ("lambda ~ Normal(0, 1)", (1, 1), "'lambda' is a word"),
    "a reserved input": ("x ~ Normal(loc=Linear(torch), scale=1)", (1, 16), "'torch' is a word"),
    "a word of the language": ("Normal ~ Normal(0, 1)", (1, 1), "'Normal' is a word of the language"),
    "a dim": ("chain ~ Normal(0, 1)", (1, 1), "'chain' names an axis"),
    "two underscores": ("__x ~ Normal(0, 1)", (1, 1), "begins with two underscores"),
    "a parameter's name": ("x ~ Normal(0, 1)\nx_scale ~ Normal(0, 1)", (2, 1), "is a name of the scale of x"),
    "a free parameter's name": ("x ~ Normal(Linear(x_loc_weights), 1)", (1, 12), "is a name of the loc of x"),
    "a mask's name": ("x_seen ~ Normal(0, 1)\nx ~ Normal(0, 1)", (1, 1), "'x_seen' is a name of a part of x"),
    "a centre's name": ("x_center ~ Normal(0, 1)\nx ~ Normal(0, 1)", (1, 1), "a part of x"),
    "an input's spread": ("w_spread ~ Normal(0, 1)\nx ~ Normal(Linear(w), 1)", (1, 1), "a part of w"),
    "a module's name": ('x ~ Bernoulli(logits=Module(z, name="model"))', (1, 37), "'model' cannot name a module"),
    "a term twice": ("x ~ Normal(Linear(z) + Linear(z), 1)", (1, 12), "one and the same in a sum, x_loc_z_weights"),
    "two intercepts": (
        "x ~ Normal(Table(c) + Linear(z, intercept=Normal(0, 1)), 1)",
        (1, 43),
        "the sum has one intercept, that of Table.c",
    ),
    # indices
    "an index that is a keyword": ("u[lambda] ~ Normal(0, 1)\nx ~ Normal(u, 1)", (1, 3), "'lambda' is a word"),
    "an index that is a variable": (
        C + "u[c] ~ Normal(0, 1)\nx ~ Normal(u, 1)",
        (2, 3),
        "c is a variable, and an index is a column or an axis; read c by Table.c",
    ),
    "discrete levels": (
        "u[user] ~ Categorical(size=3)\nx ~ Normal(Table(u), 1)",
        (1, 11),
        "the levels of a factor hold numbers.*; write u.user. ~ Normal.0, 1., or without an index u ~ Categorical",
    ),
    "levels that read": (
        "u[user] ~ Normal(Linear(w), 1)\nx ~ Normal(u, 1)",
        (1, 18),
        "one value for each level of user, and its law reads w; write numbers, priors",
    ),
    "levels that read others": (
        "v[item] ~ Normal(0, 1)\nu[user] ~ Normal(v, 1)\nx ~ Normal(u, 1)",
        (2, 18),
        "one value for each level of user, and its law reads v",
    ),
    "levels that nothing reads": ("u[user] ~ Normal(0, 1)\nx ~ Normal(0, 1)", (1, 1), "nothing reads u, and the data"),
    "computed levels": (
        "u[user] = Linear(x, size=2)\nx ~ Normal(Linear(u), 1)",
        (1, 3),
        "computed for each row; write u = Linear",
    ),
    "a lookup of a row's variable": (
        Z + "x ~ Normal(Linear(z[user]), 1)",
        (2, 19),
        "z has no index, so each row has its own; write z, or state z.user. ~ Normal.0, 1",
    ),
    "a lookup of an input": (
        "x ~ Normal(w[user], 1)",
        (1, 12),
        "w has no statement, so it has no levels to look up; write w.user. ~",
    ),
    "a lookup in a variable": (
        C + "u[user] ~ Normal(0, 1)\nx ~ Normal(Table(c) + u[c], 1)",
        (3, 23),
        "levels are looked up in a column of the data; leave its statement out, or read it by Table.c",
    ),
    "levels of levels": ("u[user] ~ Normal(0, 1)\nx ~ Normal(Table(u), 1)", (2, 18), "u has no levels .Normal."),
    "a column as numbers, too": (
        "u[user] ~ Normal(0, 1)\nx ~ Normal(u + Linear(user), 1)",
        (2, 23),
        "user is read as levels and as numbers, by u.user. and by Linear",
    ),
    "a column of two factors": (
        "e[entity] ~ Normal(0, 1)\nw[word] ~ Normal(0, 1)\nx ~ Normal(e[head] + w[head], 1)",
        (3, 22),
        "w.head. looks up levels of word, and head holds levels of entity; write one factor",
    ),
    "a column of another factor": (
        "e[entity] ~ Normal(0, 1)\nw[word] ~ Normal(0, 1)\nx ~ Normal(e + w[entity], 1)",
        (3, 16),
        "w.entity. looks up levels of word, and entity holds levels of entity",
    ),
    "real levels as a rate": ("u[user] ~ Normal(0, 1)\nx ~ Poisson(u)", (2, 13), "u ~ Normal.0, 1. can lie outside"),
    "a product of two sizes": (
        "u[user] ~ Normal(0, 1, size=2)\nv[item] ~ Normal(0, 1, size=3)\nx ~ Normal(Dot(u, v), 1)",
        (3, 19),
        "u has size 2, and v has size 3; Dot takes variables of one size",
    ),
    "a product of levels": (C + Z + "x ~ Normal(Dot(z, c), 1)", (3, 19), "c is discrete .Categorical."),
    "a product without a link": (Z + "x ~ Bernoulli(probs=Dot(z, w))", (2, 21), "write logits=Dot.z, w"),
    "pooled by a variable of numbers": (Z + "x ~ Normal(PerLevel(z), 1)", (2, 21), "z has no levels .Normal."),
    "pooled twice": (
        "x ~ Normal(PerLevel(g, scale=HalfNormal(1), prior=Normal(0, 1)), 1)",
        (1, 30),
        "leaves no scale to pool them by; leave scale or prior out",
    ),
    "pooled by what can be negative": (
        "x ~ Normal(PerLevel(g, scale=Normal(0, 1)), 1)",
        (1, 30),
        "are not all above 0",
    ),
    "two intercepts, of levels": (
        "x ~ Normal(PerFeature() + PerLevel(g, intercept=Normal(0, 1)), 1)",
        (1, 49),
        "the sum has one intercept, that of PerFeature",
    ),
    "points of rows": ("u = Embedding(size=2)\nx ~ Normal(Linear(u), 1)", (1, 1), "write u.user. = Embedding.size=2"),
    "points in an argument": ("x ~ Normal(Embedding(size=2), 1)", (1, 12), "is a statement; write u.user. = Embedding"),
    "a ridge below 0": (
        "u[user] = Embedding(ridge=-1)\nx ~ Normal(u, 1)",
        (1, 27),
        "-1 is no ridge; write a number above",
    ),
    "an index's part": ("u[user] ~ Normal(0, 1)\nuser_center ~ Normal(u, 1)", (2, 1), "a name of a part of user"),
    # sizes
    "a size of a level Bernoulli": ("b ~ Bernoulli(size=2)\nx ~ Normal(Table(b), 1)", (1, 20), "leave size and lists"),
    "a list of a level Bernoulli": ("b ~ Bernoulli([0.1, 0.2])\nx ~ Normal(Table(b), 1)", (1, 15), "leave size and"),
    "one level": ("c ~ Categorical(size=1)", (1, 22), "c has a single level; write a size from 2"),
    "one level by list": ("c ~ Categorical([1])", (1, 5), "c has a single level"),
    "a list of another size": ("c ~ Categorical([0.3, 0.7], size=3)", (1, 17), "2 values, and the size of c is 3"),
    "lists of two sizes": ("x ~ Normal([1, 2], [1, 2, 3])", (1, 20), "3 values, and the size of x is 2"),
    "a matrix of another size": (
        "x ~ MultivariateNormal([0, 0, 0], [[1, 0], [0, 1]])",
        (1, 35),
        "2 values, and the size of x is 3",
    ),
    "a parent of another size": (
        "z ~ Normal(0, 1, size=2)\nx ~ Normal(z, 1, size=3)",
        (2, 12),
        "z has size 2, and x has size 3",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_meaning_is_refused_at_its_place(case):
    text, place, message = REFUSED[case]
    with pytest.raises(ModelError, match=message) as found:
        lp.Model(text)
    if place is not None:
        assert (found.value.line, found.value.column) == place
        quoted, caret = str(found.value).splitlines()[-2:]
        assert quoted == "    " + text.splitlines()[place[0] - 1]
        assert caret == " " * (place[1] + 3) + "^"


OBJECTS = {
    "Linear of a level": (
        lambda: lp.Model(c=lp.Categorical(size=2), x=lp.Normal(loc=lp.Linear("c"), scale=1)),
        r"write Table\(c\)\n    x ~ Normal\(loc=Linear\(c\), scale=1\)$",
    ),
    "unknown argument": (lambda: lp.Normal(scal=1), "Normal has no argument 'scal'; write scale="),
    "unknown argument of a map": (lambda: lp.Table(parnt="c"), "Table has no argument 'parnt'; write parent="),
    "argument twice": (lambda: lp.Normal(0, loc=1), "Normal got 'loc' twice"),
    "too many arguments": (lambda: lp.HalfNormal(1, 2), "at most 1 arguments"),
    "size true": (lambda: lp.Normal(0, 1, size=True), "True is no size"),
    "size text": (lambda: lp.Normal(0, 1, size="2"), "'2' is no size"),
    "size zero": (lambda: lp.Categorical(size=0), "0 is no size; write a whole number from 1"),
    "number true": (lambda: lp.Normal(0, True), "True is no number; write 1"),
    "number nan": (lambda: lp.Normal(float("nan"), 1), "nan is not finite"),
    "number infinite": (lambda: lp.Normal(0, float("inf")), "inf is not finite"),
    "an object": (lambda: lp.Normal(0, {"a": 1}), "cannot stand for a parameter; allowed are a number"),
    "a class": (lambda: lp.Normal(loc=lp.Linear, scale=1), "cannot stand for a parameter"),
    "no parent": (lambda: lp.Table(), "Table needs 'parent', a name"),
    "a map as a parent": (lambda: lp.Linear(lp.MLP("z")), r"MLP\(z\) is no name"),
    "a prior as text": (lambda: lp.Table("c", prior="flat"), "flat is no prior"),
    "inducing inputs": (lambda: lp.GP("z", inducing=0), "0 is no size; write a whole number from 1"),
    "hidden a number": (lambda: lp.MLP("z", hidden=3), "3 is no list of widths"),
    "activation": (lambda: lp.MLP("z", activation="rlu"), "Nearest is 'relu'"),
    "an index that is no name": (lambda: lp.Model({"u[a b]": lp.Normal(0, 1)}), r"'u\[a b\]' is no name; an index is"),
    "an index that nothing reads": (
        lambda: lp.Model({"u[user]": lp.Normal(0, 1)}),
        r"nothing reads u.*\n    u\[user\] ~",
    ),
    "two indices": (lambda: lp.Model({"u[a]": lp.Normal(0, 1), "u": lp.Normal(0, 1)}), "u is stated twice, with an"),
    "a name that is no text": (lambda: lp.Model({1: lp.Normal(0, 1)}), "1 is no name"),
    "a name that is not ASCII": (lambda: lp.Model({"größe": lp.Normal(0, 1)}), "'größe' is no name"),
    "a parent that is no name": (lambda: lp.Model(x=lp.Normal(lp.Linear("a b"), 1)), "'a b' is no name"),
    "no distribution": (lambda: lp.Model(x=3), "x ~ 3: this is no distribution"),
    "a class as a law": (lambda: lp.Model(x=lp.Normal), "this is no distribution"),
    "no model": (lambda: lp.Model(), "the model is empty"),
    "neither text nor mapping": (lambda: lp.Model(3), "from text, from a mapping .* or from keywords; found 3"),
    "text and keywords": (lambda: lp.Model("x ~ Normal(0, 1)", y=lp.Normal(0, 1)), "not from both"),
    "stated twice": (lambda: lp.Model({"x": lp.Normal(0, 1)}, x=lp.Normal(0, 1)), "x is stated twice"),
    "changed": (lambda: setattr(lp.Normal(0, 1), "loc", 3), "Normal is frozen; make a new one with loc=3"),
}


@pytest.mark.parametrize("case", OBJECTS)
def test_python_objects_are_refused_as_text_is(case):
    make, message = OBJECTS[case]
    with pytest.raises(ModelError, match=message) as found:
        make()
    assert "pydantic" not in str(found.value)


ALLOWED = {
    "a prior that is narrower than the parameter": "x ~ Normal(loc=Linear(z, weights=HalfNormal(1)), scale=1)",
    "a uniform prior of a probability": "x ~ Bernoulli(Uniform(0, 1))",
    "a beta prior of a rate": "x ~ Poisson(Beta(1, 1))",
    "a sum under a log link": "x ~ Poisson(rate=Table(c) + Linear(z) + 0.5)",
    "an offset": "x ~ Poisson(rate=Linear(z) + exposure)",
    "a count read as numbers": "n ~ Poisson(3)\nx ~ Normal(loc=Linear(n), scale=1)",
    "a positive parent as a rate": "g ~ Gamma(2, 1)\nx ~ Poisson(rate=g)",
    "inputs of both kinds": "x ~ Normal(loc=Table(group) + Linear(age), scale=Table(group))",
    "statements in any order": "x ~ Normal(loc=Table(c), scale=1)\nc ~ Categorical(size=2)",
    "a normal-Wishart prior": "x ~ MultivariateNormal(loc=Table(c), covariance=Table(c, prior=NormalWishart(df=4)))",
    "a level under a level": "a ~ Categorical(size=2)\nb ~ Categorical(probs=Table(a), size=2)\nx ~ Poisson(Table(b))",
    "levels of a factor": "u[user] ~ Normal(0, 1, size=3)\nx ~ Normal(loc=Linear(u) + u[friend], scale=1)",
    "factorization with biases": "u[user] ~ Normal(0, 1, size=2)\nv[item] ~ Normal(0, 1, size=2)\n"
    "x ~ Normal(loc=Dot(u, v) + PerLevel(user) + PerLevel(item), scale=PerLevel(user))",
    "slopes by level": "u[user] ~ Normal(0, 1)\nx ~ Poisson(rate=PerLevel(user) + Dot(w, u))",
    "points": "u[user] = Embedding(size=2, ridge=0.1)\nx ~ Normal(loc=Linear(u), scale=1)",
    "a hierarchy": "u[user] ~ Normal(Normal(0, 1), HalfNormal(1))\nx ~ Normal(loc=u, scale=Shared())",
    "positive levels as a rate": "u[user] ~ Gamma(1, 1)\nx ~ Poisson(rate=u)",
    "one factor in two columns": "e[entity] ~ Normal(0, 1)\nx ~ Normal(loc=e[head] + Linear(e[tail]), scale=1)",
    "gating by an input": "c ~ Categorical(logits=Linear(w), size=3)\nx ~ Normal(loc=Linear(w, by=c), scale=Table(c))",
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_has_a_meaning_is_admitted(case):
    model = lp.Model(ALLOWED[case])
    assert lp.Model(str(model)) == model
