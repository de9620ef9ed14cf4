"""Registries of made-up checkpoints."""

import hashlib
import json
from importlib.resources import files

from dlheir.checkpoints import Entry, Registry, write_registry

NAME = "dlheir_nano.made_48b"
SCHEMA = json.loads(files("dlheir").joinpath("checkpoints/registry.schema.json").read_text())


def made_entry(content, name=NAME, **facts):
    """An entry for a file of these bytes, with whatever else the schema asks for."""
    told = {
        "url": f"{name}/model.safetensors",
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "bits": 48,
        "image_size": 224,
    }
    return Entry(name, _least(SCHEMA["$defs"]["checkpoint"]) | told | facts)


def made_registry(path, *entries):
    """Write a registry file and return what it holds."""
    by_name = {entry.name: entry for entry in entries}
    write_registry(path, by_name)
    return Registry(path, by_name)


def _least(schema):
    """The least that a schema allows, of the parts of JSON Schema that ours uses."""
    if "$ref" in schema:
        return _least(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _least(schema["anyOf"][0])
    kind = schema.get("type", "object")
    kind = kind if isinstance(kind, str) else kind[0]
    if kind in {"integer", "number"}:
        return schema.get("minimum", 0)
    if kind == "string":
        return "0" * 64
    value = {key: of for part in schema.get("allOf", []) for key, of in _least(part).items()}
    others = schema.get("additionalProperties") or {}
    properties = dict.fromkeys(schema.get("required", []), others) | schema.get("properties", {})
    value |= {name: _least(properties[name]) for name in schema.get("required", [])}
    if schema.get("minProperties"):
        (values,) = schema["patternProperties"].values()
        value["20"] = _least(values)
    return value
