"""Every error that survviz raises on purpose; the app and the CLI show `str(error)` as it is."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class SurvvizError(Exception):
    """Base of every expected failure. The message says what was given, what was expected and what to do."""


class InputError(SurvvizError):
    """A file, table or value from outside cannot be used as it is."""


class SlideError(InputError):
    """A slide file is damaged, of an unsupported kind, or too large to open safely."""


class MissingMppError(InputError):
    """A slide declares no pixel size (um per pixel) and nobody has given one."""


class NoTissueError(InputError):
    """A slide holds no usable tissue at the asked resolution."""


class CheckpointError(SurvvizError):
    """A checkpoint folder is incomplete, altered, or does not fit the data."""


class OutOfDistributionError(InputError):
    """A case is so unlike the training cohort that a score would mislead; it is given only when a person insists."""


class PrivacyError(SurvvizError):
    """What was asked would break a privacy guarantee, or pass the cap of a ledger; nothing was released."""


class AccessError(SurvvizError):
    """Somebody asked for what their role may not do."""


class CancelledError(SurvvizError):
    """A long step stopped because a person asked for it."""


class UnknownNameError(InputError):
    """A registry holds no entry of this name.

    Args:
        kind: what was looked for, in words ("model", "encoder").
        name: the name that was given.
        available: the names that exist.
    """

    def __init__(self, kind: str, name: str, available: Iterable[str]) -> None:
        names = sorted(available)
        close = get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        super().__init__(f"Unknown {kind} {name!r}.{hint} Available: {', '.join(names) or 'none'}.")
        self.name = name
        self.available = tuple(names)
