"""Every error that penchant raises on purpose, one sentence a class.

The tree is shallow so that a caller can catch `PenchantError` at the edge of a service, or the
built-in class (`ValueError`, `LookupError`) that each error also is.
"""


class PenchantError(Exception):
    """The root of all errors that penchant raises on purpose."""


class ShapeError(PenchantError, ValueError):
    """An array has another shape, dtype or memory layout than the function needs."""


class DataError(PenchantError, ValueError):
    """The data given can't be used as they are; the message names the column and the rows."""


class SettingsError(PenchantError, ValueError):
    """A setting is unknown or out of its range."""


class RequestError(PenchantError, ValueError):
    """A question to a model can't be answered as it was put (`k` below 1, an unknown column)."""


class UnknownComponent(PenchantError, LookupError):
    """No component has the name asked for."""


class UnknownUser(PenchantError, LookupError):
    """The model has never seen this user, and the caller asked to be told."""


class UnknownItem(PenchantError, LookupError):
    """The model has never seen this item."""


class PluginError(PenchantError):
    """One or more plugins can't be used; the message lists every problem found."""


class ModelFileError(PenchantError):
    """A saved model is missing, damaged, or written by something this version can't read."""


class EncoderMissing(PenchantError):
    """A text question reached a model whose encoder isn't at hand."""


class FitDiverged(PenchantError, ArithmeticError):
    """Training left the range of finite numbers; the message names the setting to lower."""


class FitCancelled(PenchantError):
    """A fit was stopped by its caller before it was done; nothing was kept."""
