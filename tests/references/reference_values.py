"""Reference values of mixtures by maximum likelihood and of posteriors, with the case that each comes from."""

from dataclasses import dataclass
from typing import Any

FULL = "c ~ Categorical(size={size})\nx ~ MultivariateNormal(loc=Table(c), covariance=Table(c))"
TIED = "c ~ Categorical(size={size})\nx ~ MultivariateNormal(loc=Table(c), covariance=Shared())"
DIAGONAL = "c ~ Categorical(size={size})\nx ~ Normal(loc=Table(c), scale=Table(c))"
SPHERICAL = "c ~ Categorical(size={size})\nx ~ Normal(loc=Table(c), scale=Shared())"
SPHERES = "c ~ Categorical(size={size})\nx ~ Normal(loc=Table(c), scale=Table(c, per_feature=False))"
POISSON = "c ~ Categorical(size={size})\nx ~ Poisson(rate=Table(c))"
CLASSES = "c ~ Categorical(size={size})\nx ~ Bernoulli(probs=Table(c))"


@dataclass(frozen=True)
class Mixture:
    """A model, its data, and where its likelihood is highest; components by the first value of their location."""

    form: str
    data: str
    log_likelihood: float
    df: int
    values: dict[str, Any]

    @property
    def text(self) -> str:
        return self.form.format(size=len(self.values["c_probs"]))


MIXTURES = {
    # gmm_faithful_ml: mclust 6.0.0, tol 1e-12, 60 starts; EEE, 3 as in mclust's manual (-1126.3, BIC 2314.3).
    "faithful VVV2": Mixture(
        FULL,
        "faithful",
        -1130.26396018,
        11,
        {
            "c_probs": [0.35587287, 0.64412713],
            "x_loc": [[2.0363885, 54.478517], [4.289662, 79.968116]],
            "x_covariance": [
                [[0.0691677, 0.43516792], [0.43516792, 33.697284]],
                [[0.1699684, 0.94060882], [0.94060882, 36.046206]],
            ],
        },
    ),
    "faithful VVI2": Mixture(
        DIAGONAL,
        "faithful",
        -1147.80635254,
        9,
        {
            "c_probs": [0.35651674, 0.64348326],
            "x_loc": [[2.0379157, 54.492954], [4.2910705, 79.985622]],
            "x_scale": [[0.26521077, 5.8099782], [0.41006234, 5.9810828]],
        },
    ),
    "faithful EEE2": Mixture(
        TIED,
        "faithful",
        -1140.18675944,
        8,
        {
            "c_probs": [0.35924785, 0.64075215],
            "x_loc": [[2.0461951, 54.596514], [4.2960322, 80.036218]],
            "x_covariance": [[0.1327766, 0.75151708], [0.75151708, 35.170545]],
        },
    ),
    "faithful EEE3": Mixture(
        TIED,
        "faithful",
        -1126.31592783,
        11,
        {
            "c_probs": [0.35637814, 0.16860941, 0.47501245],
            "x_loc": [[2.0376148, 54.491286], [3.7977647, 77.468921], [4.4657416, 80.872758]],
            "x_covariance": [[0.0779752, 0.47015988], [0.47015988, 33.672061]],
        },
    ),
    "eruptions V2": Mixture(
        DIAGONAL,
        "eruptions",
        -276.3600405,
        5,
        {"c_probs": [0.34840469, 0.65159531], "x_loc": [2.0186079, 4.2733435], "x_scale": [0.23562199, 0.43706295]},
    ),
    "eruptions E2": Mixture(
        SPHERICAL,
        "eruptions",
        -287.2920242,
        4,
        {"c_probs": [0.35991898, 0.64008102], "x_loc": [2.0480976, 4.2973215], "x_scale": 0.36394804},
    ),
    "waiting E2": Mixture(
        SPHERICAL,
        "waiting",
        -1034.00176036,
        4,
        {"c_probs": [0.36084936, 0.63915064], "x_loc": [54.613624, 80.090302], "x_scale": 5.8690919},
    ),
    # gmm_iris_ml: mclust; scikit-learn's GaussianMixture agrees to 1e-4.
    "iris VVV2": Mixture(
        FULL,
        "iris",
        -214.35470437,
        29,
        {
            "c_probs": [0.33332911, 0.66667089],
            "x_loc": [[5.0060064, 3.4280142, 1.462002, 0.24599932], [6.2619889, 2.8719964, 4.9059772, 1.6759913]],
            "x_covariance": [
                [
                    [0.12176231, 0.09722605, 0.01602717, 0.01012447],
                    [0.09722605, 0.14080179, 0.01146185, 0.00911288],
                    [0.01602717, 0.01146185, 0.02955604, 0.00594818],
                    [0.01012447, 0.00911288, 0.00594818, 0.0108841],
                ],
                [
                    [0.43497287, 0.12094155, 0.44886533, 0.16550229],
                    [0.12094155, 0.10961736, 0.14138002, 0.07923243],
                    [0.44886533, 0.14138002, 0.67484196, 0.2858736],
                    [0.16550229, 0.07923243, 0.2858736, 0.17863487],
                ],
            ],
        },
    ),
    "iris VVV3": Mixture(
        FULL,
        "iris",
        -180.18547713,
        44,
        {
            "c_probs": [0.33333333, 0.29919334, 0.36747333],
            "x_loc": [
                [5.006, 3.428, 1.462, 0.246],
                [5.9149697, 2.7778437, 4.2015535, 1.296967],
                [6.5445488, 2.9486612, 5.4795538, 1.9846052],
            ],
            "x_covariance": [
                [
                    [0.121764, 0.097232, 0.016028, 0.010124],
                    [0.097232, 0.140816, 0.011464, 0.009112],
                    [0.016028, 0.011464, 0.029556, 0.005948],
                    [0.010124, 0.009112, 0.005948, 0.010884],
                ],
                [
                    [0.27531878, 0.09694135, 0.18466243, 0.05439076],
                    [0.09694135, 0.09264603, 0.09114316, 0.04299735],
                    [0.18466243, 0.09114316, 0.20063051, 0.06097851],
                    [0.05439076, 0.04299735, 0.06097851, 0.03199697],
                ],
                [
                    [0.3870443, 0.09220792, 0.30281167, 0.06165097],
                    [0.09220792, 0.11033771, 0.08428754, 0.05601148],
                    [0.30281167, 0.08428754, 0.32779718, 0.0745299],
                    [0.06165097, 0.05601148, 0.0745299, 0.08579765],
                ],
            ],
        },
    ),
    "iris VVI3": Mixture(
        DIAGONAL,
        "iris",
        -306.86046051,
        26,
        {
            "c_probs": [0.33333333, 0.30514622, 0.36152045],
            "x_loc": [
                [5.006, 3.428, 1.462, 0.246],
                [5.8346085, 2.7001119, 4.2224837, 1.3044144],
                [6.6227456, 3.0170845, 5.4829312, 1.9896419],
            ],
            "x_scale": [
                [0.34894699, 0.37525458, 0.17191859, 0.10432641],
                [0.47836138, 0.29499142, 0.47477838, 0.18661369],
                [0.56975682, 0.28757729, 0.5717098, 0.2916911],
            ],
        },
    ),
    "iris EEE3": Mixture(
        TIED,
        "iris",
        -256.35404313,
        24,
        {
            "c_probs": [0.33333333, 0.32960781, 0.33705885],
            "x_loc": [
                [5.006, 3.428, 1.462, 0.246],
                [5.9423212, 2.7607596, 4.2586877, 1.3191952],
                [6.574612, 2.9807813, 5.5390028, 2.0249172],
            ],
            "x_covariance": [
                [0.26393504, 0.08985128, 0.16965627, 0.03933903],
                [0.08985128, 0.11194875, 0.05112301, 0.02998021],
                [0.16965627, 0.05112301, 0.18652767, 0.04197305],
                [0.03933903, 0.02998021, 0.04197305, 0.03971377],
            ],
        },
    ),
    "iris EII3": Mixture(
        SPHERICAL,
        "iris",
        -401.80217579,
        15,
        {
            "c_probs": [0.33339656, 0.41390181, 0.25270162],
            "x_loc": [
                [5.0060175, 3.4278238, 1.4622922, 0.24616178],
                [5.9037295, 2.7481329, 4.401036, 1.4322219],
                [6.8491051, 3.0749763, 5.7335603, 2.0754303],
            ],
            "x_scale": 0.36481993,
        },
    ),
    # gmm_galaxies_ml: mclust; V2 is reached from 23 % of random starts only, V3 is the textbook's -203.48.
    "galaxies V2": Mixture(
        DIAGONAL,
        "galaxies",
        -220.1931436,
        5,
        {"c_probs": [0.08518435, 0.91481565], "x_loc": [9.7093014, 21.867119], "x_scale": [0.42212478, 3.1503816]},
    ),
    "galaxies V3": Mixture(
        DIAGONAL,
        "galaxies",
        -203.48198015,
        8,
        {
            "c_probs": [0.08536529, 0.87805135, 0.03658337],
            "x_loc": [9.7101392, 21.403851, 33.044382],
            "x_scale": [0.42250905, 2.2038002, 0.92171709],
        },
    ),
    "galaxies E3": Mixture(
        SPHERICAL,
        "galaxies",
        -212.68022595,
        6,
        {
            "c_probs": [0.08590094, 0.87690442, 0.03719463],
            "x_loc": [9.7501641, 21.403202, 32.944346],
            "x_scale": 2.0787571,
        },
    ),
    "galaxies E4": Mixture(
        SPHERICAL,
        "galaxies",
        -208.24713059,
        8,
        {
            "c_probs": [0.08536806, 0.52774381, 0.35030072, 0.03658741],
            "x_loc": [9.7103083, 20.008581, 23.505844, 33.043994],
            "x_scale": 1.3173321,
        },
    ),
    # poisson_mix_earthquakes_ml: Zucchini and MacDonald (2009), -360.369 and -356.849, recomputed by EM.
    "earthquakes mix2": Mixture(
        POISSON, "earthquakes", -360.36904, 3, {"c_probs": [0.67572539, 0.32427461], "x_rate": [15.777106, 26.83989]}
    ),
    "earthquakes mix3": Mixture(
        POISSON,
        "earthquakes",
        -356.84894,
        5,
        {"c_probs": [0.2775682, 0.59277845, 0.12965335], "x_rate": [12.736093, 19.785536, 31.62982]},
    ),
    # lca_carcinoma_ml: poLCA's manual, -317.2568 and -293.705, recomputed by EM.
    "carcinoma K2": Mixture(
        CLASSES,
        "carcinoma",
        -317.25684,
        15,
        {
            "c_probs": [0.49878762, 0.50121238],
            "x_probs": [
                [0.11650179, 0.35436669, 1e-12, 1e-12, 0.22292061, 1e-12, 0.11650179],
                [1.0, 0.98309185, 0.76086694, 0.54106094, 0.97863679, 0.42270386, 1.0],
            ],
        },
    ),
    "carcinoma K3": Mixture(
        CLASSES,
        "carcinoma",
        -293.70498,
        23,
        {
            "c_probs": [0.37356442, 0.18170792, 0.44472766],
            "x_probs": [
                [0.057309702, 0.13794279, 1e-12, 1e-12, 0.055082305, 1e-12, 1e-12],
                [0.51283129, 1.0, 1e-12, 0.057598713, 0.75060275, 1e-12, 0.6306515],
                [1.0, 0.98094435, 0.85750441, 0.58624709, 1.0, 0.47639134, 1.0],
            ],
        },
    ),
}


@dataclass(frozen=True)
class Posterior:
    """A model with its priors, its data, and what long runs found; components by rising first location.

    quantities: posterior means and standard deviations by name. Every posterior has two modes that mirror each other.
    """

    text: str
    data: str
    log_evidence: float
    elpd: float
    elpd_se: float
    quantities: dict[str, tuple[Any, Any]]


POSTERIORS = {
    # bayes_gmm_faithful_eruptions_K2: long runs of NUTS, bridge sampling (SMC agrees).
    "eruptions": Posterior(
        (
            "c ~ Categorical(probs=Dirichlet(1), size=2)\n"
            "x ~ Normal(loc=Table(c, prior=Normal(3.5, 2)), scale=Table(c, prior=HalfNormal(1)))"
        ),
        "eruptions",
        -293.26202,
        -281.93034,
        12.15812,
        {
            "c_probs": ([0.3507, 0.6493], [0.0288714, 0.0288714]),
            "x_loc": ([2.02156, 4.27532], [0.0265655, 0.0337127]),
            "x_scale": ([0.24378, 0.437787], [0.0235039, 0.0273054]),
        },
    ),
    # bayes_gmm_faithful_2d_K2_diag: the same, on standardized data.
    "faithful, diagonal": Posterior(
        (
            "c ~ Categorical(probs=Dirichlet(1), size=2)\n"
            "x ~ Normal(loc=Table(c, prior=Normal(0, 1)), scale=Table(c, prior=HalfNormal(1)))"
        ),
        "faithful, standardized",
        -433.50968,
        -412.35320,
        18.69113,
        {
            "c_probs": ([0.357627, 0.642373], [0.0285969, 0.0285969]),
            "x_loc": ([[-1.2717, -1.20647], [0.704329, 0.668474]], [[0.0240829, 0.0439702], [0.0274852, 0.0337527]]),
            "x_scale": ([[0.237121, 0.435522], [0.363583, 0.444993]], [[0.0180029, 0.0320143], [0.019826, 0.0242114]]),
        },
    ),
    # bayes_gmm_faithful_2d_K2_fullcov: the same, with correlations.
    "faithful, full": Posterior(
        (
            "c ~ Categorical(probs=Dirichlet(1), size=2)\n"
            "x ~ MultivariateNormal(loc=Table(c, prior=Normal(0, 1)), "
            "scale=Table(c, prior=HalfNormal(1)), correlation=Table(c, prior=LKJ(2)))"
        ),
        "faithful, standardized",
        -420.16943,
        -396.95226,
        16.92460,
        {
            "c_probs": ([0.356872, 0.643128], [0.0285169, 0.0285169]),
            "x_loc": ([[-1.27323, -1.2073], [0.702351, 0.666509]], [[0.0246236, 0.0444676], [0.0283581, 0.0340638]]),
            "x_scale": ([[0.23526, 0.436853], [0.366689, 0.448052]], [[0.0190254, 0.0321337], [0.0208525, 0.0248596]]),
            "correlation": ([0.271891, 0.373548], [0.0955287, 0.0661965]),
        },
    ),
    # pdb_low_dim_gauss_mix: posteriordb's 10,000 draws of Stan. theta ~ Beta(5, 5) is Dirichlet(5) over two components.
    "posteriordb": Posterior(
        (
            "c ~ Categorical(probs=Dirichlet(5), size=2)\n"
            "x ~ Normal(loc=Table(c, prior=Normal(0, 2)), scale=Table(c, prior=HalfNormal(2)))"
        ),
        "low_dim_gauss_mix",
        -2114.99030,
        -2101.77010,
        22.96422,
        {
            "c_probs": ([0.621549, 0.378451], [0.015481, 0.015481]),
            "x_loc": ([-2.73351, 2.86983], [0.042045, 0.0546033]),
            "x_scale": ([1.02807, 1.02382], [0.0314375, 0.040484]),
        },
    ),
    # bayes_fa_attitude_d1: NUTS, bridge sampling; Stan and R's loo agree (-278.45).
    "attitude": Posterior(
        (
            "z ~ Normal(0, 1)\n"
            "x ~ Normal(loc=Linear(z, weights=Normal(0, 1), intercept=Normal(0, 1)), "
            "scale=PerFeature(prior=HalfNormal(1)))"
        ),
        "attitude",
        -294.83921,
        -278.39928,
        15.04327,
        {
            "communality": (
                [0.685532, 0.776964, 0.349024, 0.530651, 0.585085, 0.0928963, 0.178722],
                [0.134947, 0.130325, 0.148422, 0.151292, 0.146912, 0.0929322, 0.13553],
            ),
            "uniqueness": (
                [0.362418, 0.25643, 0.757715, 0.543587, 0.479057, 1.06415, 0.96402],
                [0.152238, 0.143873, 0.224342, 0.189165, 0.173746, 0.294833, 0.285822],
            ),
            "x_loc_intercept": (
                [0.00162426, 0.00077804, -0.000594417, 0.000424011, 0.0011323, 0.00116153, -6.36531e-05],
                [0.189451, 0.191631, 0.194055, 0.190717, 0.189966, 0.193361, 0.192594],
            ),
            "loading size": (
                [0.901555, 0.963621, 0.628613, 0.78676, 0.829057, 0.285907, 0.421673],
                [0.18083, 0.178089, 0.198714, 0.189046, 0.186623, 0.185875, 0.215638],
            ),
            "covariance": (
                [
                    [1.20792, 0.886153, 0.574876, 0.718901, 0.757414, 0.237929, 0.375875],
                    [0.886153, 1.21671, 0.614872, 0.76674, 0.809536, 0.254193, 0.401468],
                    [0.574876, 0.614872, 1.19235, 0.50253, 0.529439, 0.16678, 0.266435],
                    [0.718901, 0.76674, 0.50253, 1.19832, 0.664194, 0.209103, 0.336277],
                    [0.757414, 0.809536, 0.529439, 0.664194, 1.20122, 0.222668, 0.354886],
                    [0.237929, 0.254193, 0.16678, 0.209103, 0.222668, 1.18044, 0.113793],
                    [0.375875, 0.401468, 0.266435, 0.336277, 0.354886, 0.113793, 1.18833],
                ],
                [
                    [0.335379, 0.305119, 0.244249, 0.261571, 0.268163, 0.214651, 0.231266],
                    [0.305119, 0.338683, 0.256894, 0.268507, 0.278771, 0.228082, 0.243196],
                    [0.244249, 0.256894, 0.334999, 0.225559, 0.232827, 0.16052, 0.18422],
                    [0.261571, 0.268507, 0.225559, 0.332702, 0.259441, 0.192573, 0.221262],
                    [0.268163, 0.278771, 0.232827, 0.259441, 0.336675, 0.204162, 0.231783],
                    [0.214651, 0.228082, 0.16052, 0.192573, 0.204162, 0.328648, 0.127446],
                    [0.231266, 0.243196, 0.18422, 0.221262, 0.231783, 0.127446, 0.337708],
                ],
            ),
        },
    ),
}


@dataclass(frozen=True)
class Principal:
    """Probabilistic principal components by maximum likelihood; error: squared, a row, of plain ones; variances."""

    data: str
    size: int
    noise: float
    log_likelihood: float
    error: float
    variances: list[float]


# ppca_set_A: closed form (Tipping and Bishop, 1999), data standardized with divisor N.
PRINCIPAL = {
    "wine_std_q1": Principal("wine", 1, 0.69117915, -3026.7951, 8.2941497, [4.7058503]),
    "wine_std_q2": Principal("wine", 2, 0.527016, -2875.6363, 5.797176, [4.7058503, 2.4969737]),
    "wine_std_q3": Principal("wine", 3, 0.4351104, -2794.919, 4.351104, [4.7058503, 2.4969737, 1.446072]),
    "iris_raw_q1": Principal("iris", 1, 0.11413908, -470.66946, 0.34241724, [4.2000534]),
    "iris_raw_q2": Principal("iris", 2, 0.050682148, -404.96278, 0.1013643, [4.2000534, 0.24105294]),
    "usarrests_std_q1": Principal("arrests", 1, 0.50658614, -255.49204, 1.5197584, [2.4802416]),
    "usarrests_std_q2": Principal("arrests", 2, 0.26499663, -239.83751, 0.52999327, [2.4802416, 0.98976515]),
}

# ppca_set_A, usarrests_pve: published in James, Witten, Hastie and Tibshirani (2021), section 12.2, to two digits.
ARRESTS_SHARES = [0.62006039, 0.24744129, 0.089140795, 0.043357522]  # of the variance, by component
ARRESTS_FIRST = [0.53589947, 0.58318363, 0.27819087, 0.54343209]  # loadings of the first one, without sign


@dataclass(frozen=True)
class Means:
    """The global optimum of k-means: within-cluster sum of squares, and numbers of rows."""

    data: str
    size: int
    inertia: float
    sizes: list[int]


# kmeans_set_A: known optima, wine standardized with divisor N.
KMEANS = {
    "iris_raw_K3": Means("iris", 3, 78.851441, [38, 50, 62]),
    "wine_std_K3": Means("wine", 3, 1277.9285, [51, 62, 65]),
    "ruspini_K4": Means("ruspini", 4, 12881.051, [15, 17, 20, 23]),
}
