"""What a run can be told: the parser of `fit` and `test`, and what it resolves."""

from importlib import import_module
from typing import Any

import yaml
from jsonargparse import Namespace
from pytorch_lightning import Trainer
from pytorch_lightning.cli import LightningArgumentParser

from dlheir import data
from dlheir.arguments import DESCRIPTION, Parser
from dlheir.callbacks.retrieval import RetrievalCallback
from dlheir.callbacks.wandb import WandbOptions
from dlheir.errors import InputError
from dlheir.task import HashingTask

TRAINER_DEFAULTS = {
    "max_epochs": 200,  # the paper's
    "devices": 1,
    "log_every_n_steps": 10,
    "enable_model_summary": False,
    "num_sanity_val_steps": 0,
    # The samplers share pictures among devices themselves; see EpochSampler.
    "use_distributed_sampler": False,
}
# What numpy takes as a seed.
SEEDS = 2**32


def settings_parser(command: str) -> Parser:
    """Build the parser of `fit` or `test`: what a run is made of, the trainer's many settings last.

    Args:
        command: "fit" or "test".
    """
    parser = Parser(
        usage=f"dlheir {command} [--config FILE] [--SECTION.NAME VALUE ...]",
        description=DESCRIPTION % {"command": command},
    )
    parser.add_argument("--config", action="config", help="A file of settings, in YAML or JSON.")
    # Lightning's own seed is a random one, which no run id can name.
    parser.add_argument(
        "--seed_everything",
        type=int,
        default=0,
        help="Draws split, first weights, orders and augmentation.",
    )
    parser.add_argument(
        "--ckpt_path",
        type=str | None,
        help="fit: `last` goes on where the same run was stopped, a file goes on from its "
        "state; test: the checkpoint to test, by its name (dlheir checkpoints list) or its file.",
    )
    parser.add_argument("--runs", type=str, default="runs", help="Folder of all runs.")
    parser.add_argument(
        "--experiment", type=str, default="default", help="Folder of runs that belong together."
    )
    parser.add_lightning_class_args(HashingTask, "model")
    parser.add_lightning_class_args(data.PictureFolder, "data", subclass_mode=True)
    parser.add_class_arguments(RetrievalCallback, "retrieval")
    parser.add_class_arguments(WandbOptions, "wandb")
    parser.add_lightning_class_args(Trainer, "trainer")
    parser.set_defaults({f"trainer.{name}": value for name, value in TRAINER_DEFAULTS.items()})
    parser.link_arguments("seed_everything", "data.init_args.seed")
    for name in ("num_classes", "image_size", "resize"):
        parser.link_arguments(f"data.{name}", f"model.{name}", apply_on="instantiate")
    return parser


def check_seed(seed: int) -> None:
    """Refuse seeds that numpy would refuse later.

    Raises:
        InputError: It is one.
    """
    if not 0 <= seed < SEEDS:
        raise InputError(f"--seed_everything is {seed}; give a number from 0 to {SEEDS - 1}")


def resolve(parser: LightningArgumentParser, settings: Namespace) -> dict[str, Any]:
    """Every setting as plain values, as `config.yaml` holds them.

    Args:
        parser: What parsed them.
        settings: What it returned.
    """
    resolved: dict[str, Any] = yaml.safe_load(parser.dump(settings, skip_unset=False))
    resolved["ckpt_path"] = None  # where a run was resumed from is not what it is
    return resolved


def make_data(config: dict[str, Any]) -> data.PictureFolder:
    """Make the data module of a resolved configuration, and nothing else of it.

    Raises:
        InputError: The pictures are refused.
    """
    module, _, name = config["data"]["class_path"].rpartition(".")
    settings = {**config["data"]["init_args"], "seed": config["seed_everything"]}
    parser = LightningArgumentParser()
    parser.add_class_arguments(getattr(import_module(module), name), "data")
    made: data.PictureFolder = parser.instantiate(parser.parse_object({"data": settings})).data
    return made
