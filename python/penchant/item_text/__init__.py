"""Items by their words: one encoder or extractor or several, as a strategy's setting names them.

Any strategy can describe items by text through `text_source`, without knowing what turns text into
numbers: `content.text` compares the descriptions, others map them to factors or blend their
likeness into what they learned from events.
"""

from penchant.item_text.blocks import TextLike, TextSource, text_source
from penchant.item_text.describing import EncodedText, ExtractedText, FittedItemText, ItemText
from penchant.item_text.encoding import SavedEncoder, encode_items, folder_of
from penchant.item_text.features import (
    NOTHING,
    as_sparse,
    beside,
    described,
    lengths,
    likeness,
    rows_of,
    side_by_side,
    stacked,
    transposed,
    unit,
    unit_rows,
    values_of,
)
from penchant.item_text.mapping import TextLessons, TextMap
from penchant.item_text.whitening import Whitening

__all__ = [
    "NOTHING",
    "EncodedText",
    "ExtractedText",
    "FittedItemText",
    "ItemText",
    "SavedEncoder",
    "TextLessons",
    "TextLike",
    "TextMap",
    "TextSource",
    "Whitening",
    "as_sparse",
    "beside",
    "described",
    "encode_items",
    "folder_of",
    "lengths",
    "likeness",
    "rows_of",
    "side_by_side",
    "stacked",
    "text_source",
    "transposed",
    "unit",
    "unit_rows",
    "values_of",
]
