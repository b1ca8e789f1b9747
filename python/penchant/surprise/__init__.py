"""A door for those who come from Surprise: its names and shapes, over penchant's strategies.

    from penchant.surprise import SVD, Dataset, Reader
    from penchant.surprise.model_selection import cross_validate

    data = Dataset.load_from_file("ratings.csv", Reader(sep=",", skip_lines=1))
    cross_validate(SVD(), data, measures=["RMSE", "MAE"], cv=5)

The names are those of Surprise (Nicolas Hug, "Surprise: A Python library for recommender systems",
2020); docs/surprise.md has the table, and what differs. Ratings are real: a model learns from them
all. Whoever wants lists and not ratings asks `penchant.fit`.
"""

from penchant.surprise import accuracy, model_selection
from penchant.surprise.algorithms import (
    NMF,
    SVD,
    AlgoBase,
    BaselineOnly,
    KNNBaseline,
    KNNBasic,
    KNNWithMeans,
    KNNWithZScore,
    NormalPredictor,
    Prediction,
    SlopeOne,
    SVDpp,
)
from penchant.surprise.data import Dataset, Reader, Trainset

__all__ = [
    "NMF",
    "SVD",
    "AlgoBase",
    "BaselineOnly",
    "Dataset",
    "KNNBaseline",
    "KNNBasic",
    "KNNWithMeans",
    "KNNWithZScore",
    "NormalPredictor",
    "Prediction",
    "Reader",
    "SVDpp",
    "SlopeOne",
    "Trainset",
    "accuracy",
    "model_selection",
]
