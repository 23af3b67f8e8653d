"""Broken inputs, each built by code, with what must be said of it."""

from __future__ import annotations

from tests.intake.corpus.broken import Broken
from tests.intake.corpus.fields import FIELDS
from tests.intake.corpus.files import FILES
from tests.intake.corpus.molecules import MOLECULES
from tests.intake.corpus.outcomes import OUTCOMES

BROKEN: tuple[Broken, ...] = (*OUTCOMES, *FIELDS, *MOLECULES, *FILES)
