"""How far a run is, in epochs of equal weight, although fits may stop early or be of different lengths."""

from __future__ import annotations

from survviz.models import model_class
from survviz.models.blocks.linear import LinearModel
from survviz.training.config import TrainConfig
from survviz.types import Progress


class Steps:
    """Tells a progress callback; it never goes back and never tells the same twice.

    Attributes:
        fits: per fold: those of the search, and the one that is kept.
    """

    def __init__(self, progress: Progress | None, config: TrainConfig, n_folds: int) -> None:
        search = config.search
        self.fits = 1 + (search.trials * search.folds if search else 0)
        self._progress, self._config, self._n_folds = progress, config, n_folds
        self._length, self._told = _length(config), 0

    def epoch(self, fold: int, fit: int, epoch: int, config: TrainConfig | None = None) -> None:
        """An epoch of a fit is done; a search may have changed how many there are.

        Args:
            config: settings of this fit.
        """
        done = min(self._length, epoch * self._length // _length(config or self._config))
        self._tell((fold * self.fits + fit) * self._length + done)

    def fold(self, fold: int) -> None:
        """A fold is done, however many epochs it took."""
        self._tell((fold + 1) * self.fits * self._length)

    def _tell(self, done: int) -> None:
        if self._progress and done > self._told:
            self._told = done
            self._progress(done, self._n_folds * self.fits * self._length)


def _length(config: TrainConfig) -> int:
    return len(config.ridges) if issubclass(model_class(config.model), LinearModel) else config.epochs
