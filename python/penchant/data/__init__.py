"""Data: ids, events, tables, and the dataset that holds them all."""

from penchant.data.cleaning import CleaningReport, Problem
from penchant.data.columns import (
    CategoryColumn,
    Column,
    LabelColumn,
    MediaColumn,
    NumberColumn,
    TextColumn,
    VectorColumn,
)
from penchant.data.dataset import Dataset
from penchant.data.description import DatasetDescription
from penchant.data.interactions import Interactions
from penchant.data.readers import Reading
from penchant.data.relations import Relations
from penchant.data.tables import Items, Table, Users
from penchant.data.vocabulary import Id, Vocabulary

__all__ = [
    "CategoryColumn",
    "CleaningReport",
    "Column",
    "Dataset",
    "DatasetDescription",
    "Id",
    "Interactions",
    "Items",
    "LabelColumn",
    "MediaColumn",
    "NumberColumn",
    "Problem",
    "Reading",
    "Relations",
    "Table",
    "TextColumn",
    "Users",
    "VectorColumn",
    "Vocabulary",
]
