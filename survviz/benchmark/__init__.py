"""Models x cohorts x folds on shared splits: resumable, cached by content, beside the baselines that belong there."""

from __future__ import annotations
