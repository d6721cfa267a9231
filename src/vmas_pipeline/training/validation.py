"""Validation during a run: metrics on held-out clips, the best weights, and early stopping."""

import torch
from tqdm import tqdm

from vmas_pipeline.features.shards import Folder
from vmas_pipeline.model.vmas import VMAs
from vmas_pipeline.training.checkpoints import BestWeights
from vmas_pipeline.training.config import TrainConfig
from vmas_pipeline.training.data import held_out_batches
from vmas_pipeline.training.objective import validation_metrics
from vmas_pipeline.training.optimisation import MovingAverage


class Validation:
    """Held-out clips and their metrics, on rank 0 only; the other ranks have none.

    Args:
        config: how many clips, how often, what is best; and the model, whose sizes the clips must have.
        features: folder of the shards.
        best: stores the weights of the best validation.
        rank: this process.
        device: where the clips are kept.
    """

    def __init__(self, config: TrainConfig, features: Folder, best: BestWeights, rank: int, device: torch.device):
        self.config, self.best, self.rank = config.monitoring, best, rank
        self.batches = []
        if rank == 0:
            clips = config.monitoring.validation_clips
            held_out = held_out_batches(features, "validation", clips, 16, config.model.build())
            self.batches = [batch.to(device) for batch in held_out]
        self.metrics: dict[str, float] = {}

    def measure(self, model: VMAs) -> dict[str, float]:
        """Compute and store a model's metrics (`objective.validation_metrics`); none without clips."""
        self.metrics = validation_metrics(model, self.batches) if self.batches else {}
        return self.metrics

    def keep_best(self, step: int, average: MovingAverage) -> None:
        """Keep the averaged weights if their latest metric is the best so far."""
        if self.metrics:
            self.best.offer(self.metrics[self.config.best_by], step, average)

    def has_enough(self, step: int) -> bool:
        """Whether validation has not improved for the run's patience; all ranks take part."""
        if self.config.patience is None or step % self.config.validate_every:
            return False
        patience = self.config.patience * self.config.validate_every
        enough = [self.rank == 0 and step - self.best.step >= patience]
        torch.distributed.broadcast_object_list(enough, src=0)
        if enough[0] and self.rank == 0:
            tqdm.write(f"no validation was better since step {self.best.step}: training ends at step {step}")
        return enough[0]
