import pytest

from latentprob.errors import InferenceError
from latentprob.inference.nuts import NUTS
from latentprob.inference.svi import SVI


@pytest.mark.parametrize(
    ("method", "values", "message"),
    [
        (SVI, {"restart": 3}, "SVI has no setting 'restart'; did you mean 'restarts'"),
        (SVI, {"lr": 0.1}, "SVI has no setting 'lr'.*learning_rate"),
        (SVI, {"steps": 0}, r"SVI\(steps=0\).*greater than or equal to 1"),
        (SVI, {"draws": "many"}, r"SVI\(draws='many'\).*valid integer"),
        (SVI, {"restarts": True}, r"SVI\(restarts=True\)"),
        (SVI, {"guide": "fulll"}, r"SVI\(guide='fulll'\).*'normal', 'low_rank' or 'full'"),
        (SVI, {"learning_rate": 0.0}, r"learning_rate=0.0.*greater than 0"),
        (NUTS, {"target_accept": 1.0}, r"NUTS\(target_accept=1.0\).*less than 1"),
        (NUTS, {"chain": 2}, "did you mean 'chains'"),
    ],
)
def test_a_bad_setting_is_refused_by_name(method, values, message):
    with pytest.raises(InferenceError, match=message):
        method(**values)


@pytest.mark.parametrize("method", [SVI, NUTS])
def test_settings_are_frozen_and_every_field_is_described(method):
    with pytest.raises(Exception, match="frozen"):
        method().draws = 3
    assert all(field.description for field in method.model_fields.values())


def test_changed_settings_are_checked_again():
    assert SVI(draws=10).changed(steps=7) == SVI(draws=10, steps=7)
    with pytest.raises(InferenceError, match="steps"):
        SVI().changed(steps=-1)
