"""What decides a run's result, under the names that a person writes on the command line."""

from collections.abc import Hashable, Iterable, Mapping
from pathlib import PurePath
from typing import Any

from dlheir.runs import decisive_settings

# Every table says these in places of their own.
MODEL, BITS, IMAGE_SIZE, SEED = "model.name", "model.bits", "data.image_size", "seed_everything"
PROTOCOL, OBJECTIVE = "data.protocol", "model.objective"
# Named by files, which lie elsewhere on each machine.
_WEIGHTS = "model.backbone_weights"

Settings = dict[str, Any]


def settings_of(config: Mapping[str, Any]) -> Settings:
    """Flatten a run's `config.yaml`.

    Args:
        config: As it was read.

    Returns:
        Dotted keys and plain values; what is null is left out, so that a setting that was not given
        and one that a grid gave as null are alike.
    """
    data = config["data"]
    return flat(
        {
            "data": _data_set(data["class_path"], data["init_args"]),
            "model": config["model"],
            "trainer": config["trainer"],
            **{f"data.{key}": value for key, value in data["init_args"].items()},
            SEED: config[SEED],
        }
    )


def flat(values: Mapping[str, Any]) -> Settings:
    """Flatten settings, nested or dotted, to one key for each value that decides a result."""
    found: Settings = {}
    for key, value in values.items():
        name = _written(key)
        if isinstance(value, Mapping):
            found |= flat({f"{name}.{inner}": v for inner, v in value.items()})
        elif value is not None and _is_decisive(name):
            found[name] = PurePath(value).name if name == _WEIGHTS else value
    return found


def changed(settings: Settings, combination: Mapping[str, Any]) -> Settings:
    """Return the settings after a grid's combination was set over them."""
    names = {_written(key) for key in combination}
    kept = {
        key: value
        for key, value in settings.items()
        if key not in names and not any(key.startswith(f"{name}.") for name in names)
    }
    return kept | flat(combination)


def differing(some: Iterable[Settings]) -> list[str]:
    """Keys whose values are not the same in all settings, in order of appearance."""
    listed = list(some)
    keys = dict.fromkeys(key for settings in listed for key in settings)
    return [key for key in keys if len({shown(settings.get(key)) for settings in listed}) > 1]


def key_of(settings: Settings, without: set[str]) -> Hashable:
    """What settings have in common that differ in some keys alone."""
    return frozenset((key, shown(value)) for key, value in settings.items() if key not in without)


def shown(value: Any) -> str:
    """Write a value as in a configuration."""
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def described(settings: Settings, keys: Iterable[str]) -> str:
    """Write some settings in a line, those that are there."""
    units = {BITS: "{} bits", IMAGE_SIZE: "{} px", MODEL: "{}"}
    return ", ".join(
        units.get(key, f"{key} {{}}").format(shown(settings[key]))
        for key in keys
        if key in settings
    )


def is_option(key: str) -> bool:
    """Whether a setting makes another network of the same name."""
    return key.startswith(("model.options.", "model.tail"))


def has_options(settings: Settings) -> bool:
    """Whether a network is not the one that its name alone stands for."""
    return any(map(is_option, settings))


def rank(value: Any) -> tuple[bool, float, str]:
    """Where a value stands: numbers by size, then words, then what is not given."""
    number = is_number(value)
    return not number, float(value) if number else float(value is None), shown(value)


def is_number(value: Any) -> bool:
    """Whether a setting's value is on a scale."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _written(key: str) -> str:
    """A key without jsonargparse's words for a data set and its arguments."""
    return key.replace("data.init_args.", "data.").replace("data.class_path", "data")


def _is_decisive(name: str) -> bool:
    if name in {"data", SEED, _WEIGHTS}:
        return True
    section, _, key = name.partition(".")
    sections: dict[str, dict[str, Any]] = {"model": {}, "data": {}, "trainer": {}}
    if section not in sections:
        return False
    sections[section][key.split(".")[0]] = None
    return bool(decisive_settings(sections)[section])


def _data_set(class_path: str, arguments: Mapping[str, Any]) -> str:
    """A data set's name; any folder of pictures may be a `PictureFolder`."""
    name = class_path.rpartition(".")[2]
    return f"{name} {PurePath(arguments['root']).name}" if name == "PictureFolder" else name
