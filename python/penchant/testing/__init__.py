"""The contract kit: what penchant asks of every component, as tests that a plugin inherits.

    from penchant.testing import ScorerContract

    class TestSgd(ScorerContract):
        name, settings = "mf.sgd", {"factors": 8, "epochs": 3}

pytest collects the inherited tests. Each fails with a sentence that says what was promised; one
that speaks of an ability that the component doesn't have passes. The kit also gives toy data
(`penchant.testing.data`) and naive twins of the kernels (`penchant.testing.naive`). It needs
pytest, which penchant itself does not.

Callers: stable. Subclasses: the attributes documented on each class are stable; a new test may
arrive with any release, since it only says what the protocols already promise.
"""

from penchant.testing.choosers import ChooserContract
from penchant.testing.contract import Contract
from penchant.testing.encoders import EncoderContract
from penchant.testing.extractors import ExtractorContract
from penchant.testing.generators import GeneratorContract
from penchant.testing.recommenders import RecommenderContract
from penchant.testing.scorers import ScorerContract

__all__ = [
    "ChooserContract",
    "Contract",
    "EncoderContract",
    "ExtractorContract",
    "GeneratorContract",
    "RecommenderContract",
    "ScorerContract",
]
