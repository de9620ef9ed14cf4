"""HashingTask: a network, an objective and an optimiser, trained by Lightning."""

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from dlheir import retrieval
from dlheir.collector import ActivationCollector, HashedSet
from dlheir.data.augmentation import mixed_seed
from dlheir.data.dataset import Batch, LoadPicture
from dlheir.data.decoded import DecodedPictures
from dlheir.errors import InputError
from dlheir.features import FeatureCache
from dlheir.models import get_model
from dlheir.models.trained import load_trained
from dlheir.objectives import ClosedForm, Objective, get_objective, objective_class
from dlheir.rates import Schedule, check_rates, schedule_of

VALIDATION_KS = (20,)
# What the best checkpoint is chosen by, and what people watch during training.
VALIDATION_METRIC = "val_expected_P@20"
# Loaders come in pairs, in validation as in testing.
DATABASE, QUERIES = 0, 1


class HashingTask(LightningModule):
    """Trains a hashing network on labelled pictures and validates it by retrieval.

    The defaults are the paper's (section 4): SGD, learning rate 0.01, momentum 0.9, cross
    entropy, threshold 0.5.

    Args:
        name: A network of `dlheir.list_models()`.
        bits: Code length.
        num_classes: Number of classes (set by the data).
        image_size: Side of the square pictures in pixels (set by the data).
        resize: How pictures are brought to that square (set by the data).
        tail: "none" or "inverted_residual"; null takes the network's own.
        backbone_weights: null, "DEFAULT" (torchvision's ImageNet weights) or a state dict's path.
        hash_order: What the hash layer does first: "sigmoid_first", as the paper, or "pool_first";
            null takes the objective's own.
        options: More arguments of the network, such as {replace_last: 14}.
        threshold: Bits are 1 at or above it: a number in (0, 1), or "median" for each bit's
            median over the training set.
        objective: One of `dlheir.objectives.list_objectives()`. Those that are solved and not
            trained need no learning rate.
        objective_options: More arguments of the objective, such as {label_smoothing: 0.1}.
        learning_rate: Of the hash layer and the classifier; the schedule scales it.
        backbone_lr_scale: The backbone's learning rate as a share of `learning_rate`.
        frozen_layers: How many first layers of the backbone stay as they are, batch norm
            statistics included, or "all". They need no backward pass.
        cache_features: With frozen_layers "all": compute each picture's feature map once and keep
            it in the user's cache (XDG_CACHE_HOME). Augmentation is refused.
        momentum: Of SGD.
        nesterov: Whether momentum looks ahead.
        weight_decay: Of all weights of more than one dimension.
        schedule: "constant", or "cosine", which would reach 0 one step after the last.
        warmup_epochs: Epochs over which the learning rate rises from 0.
        channels_last: Lay pictures and weights out as convolutions like them.
        compile: Compile the training step with torch.compile.

    Attributes:
        tested: The checkpoint that `load` took, for those who report a test.
    """

    tested: Path | None = None

    def __init__(
        self,
        name: str = "dlheir",
        bits: int = 48,
        num_classes: int = 100,
        image_size: int = 224,
        resize: Literal["warp", "letterbox", "crop"] = "warp",
        tail: str | None = None,
        backbone_weights: str | None = None,
        hash_order: Literal["sigmoid_first", "pool_first"] | None = None,
        options: dict[str, Any] | None = None,
        threshold: float | Literal["median"] = 0.5,
        objective: str = "cross_entropy",
        objective_options: dict[str, Any] | None = None,
        learning_rate: float = 0.01,
        backbone_lr_scale: float = 1.0,
        frozen_layers: int | Literal["all"] = 0,
        cache_features: bool = False,
        momentum: float = 0.9,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        schedule: Schedule = "constant",
        warmup_epochs: float = 0.0,
        channels_last: bool = True,
        compile: bool = False,
    ) -> None:
        super().__init__()
        check_rates(learning_rate, backbone_lr_scale, momentum, weight_decay, warmup_epochs)
        if threshold != "median" and not 0 < threshold < 1:
            raise InputError(f"model.threshold is {threshold}; it must be in (0, 1) or 'median'")
        if cache_features and frozen_layers != "all":
            raise InputError(
                "model.cache_features needs a backbone that stays as it is: set "
                "model.frozen_layers to all"
            )
        method = objective_class(objective)
        self.network = get_model(
            name,
            bits=bits,
            num_classes=num_classes,
            image_size=image_size,
            resize=resize,
            tail=tail,
            backbone_weights=backbone_weights,
            hash_order=hash_order or method.hash_order,
            head=method.head,
            **(options or {}),
        )
        # The settings rebuild the network from a checkpoint alone, without this class.
        self.save_hyperparameters({"network": self.network.settings, "objective": objective})
        self.objective = get_objective(objective, bits, num_classes, **(objective_options or {}))
        self.threshold = threshold
        self._check_closed_form()
        self.learning_rate = learning_rate
        self.backbone_lr_scale = backbone_lr_scale
        self.cache_features = cache_features
        # Until callbacks bring them:
        self.feature_cache: FeatureCache | None = None
        self.decoded: DecodedPictures | None = None
        self._frozen = _first_layers(self.network.features, frozen_layers)
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.channels_last = channels_last
        self.compile_step = compile
        self.hashed = torch.nn.ModuleList([ActivationCollector(), ActivationCollector()])
        if threshold != "median":
            self.network.threshold.fill_(threshold)

    # ---------------------------------------------------------------- pictures and feature maps

    @property
    def read_picture(self) -> LoadPicture:
        """How data loaders read a picture's file: as levels, or as its feature map."""
        kept = self.feature_cache or self.decoded
        return self.network.transform.load if kept is None else kept.load

    def prepared(self, pictures: Tensor) -> Tensor:
        """What data loaders read, as the network takes it; feature maps are ready as they are."""
        if self.feature_cache is None:
            pictures = self.network.transform.normalize(pictures)
        return self._laid_out(pictures)

    def feature_maps(self, prepared: Tensor) -> Tensor:
        """Feature maps (B, c, h, w) of a prepared batch."""
        maps: Tensor = self.network.features(prepared) if self.feature_cache is None else prepared
        return maps

    def lay_out(self) -> None:
        """Lay the weights out as `channels_last` says."""
        if self.channels_last:
            self.network.to(memory_format=torch.channels_last)

    def computed_feature_maps(self, levels: Tensor) -> Tensor:
        """Feature maps (B, c, h, w) of pictures' levels (B, 3, S, S), whatever a cache holds."""
        maps: Tensor = self.network.features(
            self._laid_out(self.network.transform.normalize(levels))
        )
        return maps

    def activations(self, prepared: Tensor) -> Tensor:
        """Activations (B, bits) of a prepared batch."""
        return self.network.activations_of(self.feature_maps(prepared))

    def _laid_out(self, batch: Tensor) -> Tensor:
        return batch.contiguous(memory_format=torch.channels_last) if self.channels_last else batch

    # ---------------------------------------------------------------- training

    def configure_model(self) -> None:
        """Lay out, freeze and compile once the weights are where they will stay."""
        self.lay_out()
        for layer in self._frozen:
            layer.requires_grad_(False)
        if isinstance(self.objective, Objective) and not self.objective.uses_classifier:
            self.network.classifier.requires_grad_(False)
        self._step = torch.compile(self.activations) if self.compile_step else self.activations

    def on_train_epoch_start(self) -> None:
        """Frozen layers keep their batch norm statistics too."""
        for layer in self._frozen:
            layer.eval()

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Pictures travel as bytes and become numbers on the device."""
        return batch._replace(image=self.prepared(batch.image))

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Make dropout and the like depend on (seed, step, device) alone, also after resuming."""
        seed = self.trainer.datamodule.seed  # type: ignore[attr-defined]
        torch.manual_seed(mixed_seed(seed, self.global_step, self.global_rank))
        if isinstance(self.objective, Objective):
            self.objective.advance(self.global_step / self.trainer.estimated_stepping_batches)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002
        """Loss of one batch."""
        activations = self._step(batch.image)
        assert isinstance(self.objective, Objective)  # closed forms are solved instead
        # Sums over pairs and bits want full precision; beside the backbone they cost nothing.
        with torch.autocast(self.device.type, enabled=False):
            loss = self.objective(activations, batch.label, self.network.classifier)
        measured = {"train_loss": loss}
        if self.objective.uses_classifier:
            predicted = self.network.classifier(activations.detach()).argmax(dim=1)
            measured["train_accuracy"] = (predicted == batch.label).float().mean()
        self.log_dict(measured, on_step=False, on_epoch=True, prog_bar=True, sync_dist=True)
        self.log("learning_rate", self.trainer.optimizers[0].param_groups[-1]["lr"])
        return loss  # type: ignore[no-any-return]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """SGD over backbone and head, with a schedule by steps."""
        optimizer = SGD(self._parameter_groups(), momentum=self.momentum, nesterov=self.nesterov)
        steps = self.trainer.estimated_stepping_batches
        batches = self.trainer.num_training_batches
        steps_per_epoch = math.ceil(batches / self.trainer.accumulate_grad_batches)
        factor = schedule_of(self.schedule, round(self.warmup_epochs * steps_per_epoch), steps)
        scheduler = LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def _check_closed_form(self) -> None:
        """Refuse settings of which a solved hash layer would not be what it is called."""
        if not isinstance(self.objective, ClosedForm):
            return
        name = self.hparams["objective"]
        if self.threshold != 0.5:
            raise InputError(
                f"model.threshold is {self.threshold}; objective {name!r} sets its own: leave 0.5"
            )
        if self.network.settings["tail"] != "none":
            raise InputError(
                f"objective {name!r} solves for the hash layer alone, and the tail "
                f"{self.network.settings['tail']!r} would stay untrained: set model.tail to none"
            )

    def _parameter_groups(self) -> list[dict[str, Any]]:
        backbone = list(self.network.features.parameters())
        known = set(map(id, backbone))
        head = [p for p in self.parameters() if id(p) not in known]
        groups = []
        for parameters, rate in (
            (backbone, self.learning_rate * self.backbone_lr_scale),
            (head, self.learning_rate),
        ):
            for decays in (False, True):
                chosen = [p for p in parameters if p.requires_grad and (p.ndim > 1) == decays]
                decay = self.weight_decay if decays else 0.0
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
        return [group for group in groups if group["params"]]

    # ---------------------------------------------------------------- retrieval

    def load(self, checkpoint: Path) -> None:
        """Take the network's weights from a run's checkpoint or a published one, to test them.

        Raises:
            InputError: The file is none, or of another network.
        """
        load_trained(self.network, checkpoint)
        self.tested = checkpoint

    def on_validation_epoch_start(self) -> None:
        """Forget what was hashed before."""
        self._forget_hashed()

    def on_test_epoch_start(self) -> None:
        """Forget what was hashed before."""
        self._forget_hashed()

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int) -> None:  # noqa: ARG002
        """Hash the rest of the training set (the database) and the validation pictures."""
        self._hash(batch, dataloader_idx)

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int) -> None:  # noqa: ARG002
        """Hash the database and the queries; the retrieval callback does the rest."""
        self._hash(batch, dataloader_idx)

    def on_validation_epoch_end(self) -> None:
        """Precision of the validation pictures against the rest of the training set."""
        database, queries = self.hashed_set(DATABASE), self.hashed_set(QUERIES)
        self.fit_threshold(database)
        found = retrieval.evaluate(
            self.codes_of(queries),
            queries.labels,
            self.codes_of(database),
            database.labels,
            ks=VALIDATION_KS,
        )
        # Every device computes the same from what all have gathered.
        for metric, value in (
            (VALIDATION_METRIC, found["expected_precision"]["20"]),
            ("val_expected_mAP", found["expected_map"]),
        ):
            self.log(metric, value, prog_bar=metric == VALIDATION_METRIC, sync_dist=True)

    def hashed_set(self, which: int) -> HashedSet:
        """What the last validation or test made of `DATABASE` or `QUERIES`."""
        found: HashedSet = self.hashed[which].compute()  # type: ignore[operator]
        return found

    def codes_of(self, hashed: HashedSet) -> npt.NDArray[np.uint8]:
        """Codes (N, bits) of activations by the network's threshold."""
        return retrieval.binarize(hashed.activations, self.network.threshold.cpu().numpy())

    def fit_threshold(self, training_set: HashedSet) -> None:
        """With `threshold: median`, set each bit's threshold to its median over a set."""
        if self.threshold == "median":
            medians = retrieval.median_thresholds(training_set.activations)
            self.network.threshold.copy_(torch.from_numpy(medians))

    def _hash(self, batch: Batch, which: int) -> None:
        activations = self.activations(batch.image)
        self.hashed[which].update(batch.number, activations, batch.label)  # type: ignore[operator]

    def _forget_hashed(self) -> None:
        for collector in self.hashed:
            collector.reset()  # type: ignore[operator]


def _first_layers(backbone: torch.nn.Module, count: int | Literal["all"]) -> list[torch.nn.Module]:
    if count == "all":
        return [backbone]
    layers = list(backbone.children())
    if not 0 <= count <= len(layers):
        raise InputError(
            f"model.frozen_layers is {count}; this backbone has 0 to {len(layers)}, or 'all'"
        )
    return layers[:count]
