"""What people read of the checkpoints: cards and tables, all of them written from the registry."""

from dlheir.checkpoints import Registry
from dlheir.files import written_whole
from dlheir.publishing.card import card
from dlheir.publishing.overview import write_readme

README = "README.md"


def write_documents(registry: Registry) -> None:
    """Write every card and the tables beside a registry, so that none tells of an older one."""
    folder = registry.path.parent
    for name, entry in registry.entries.items():
        (folder / name).mkdir(exist_ok=True)
        with written_whole(folder / name / README) as part:
            part.write_text(card(entry), encoding="utf-8")
    write_readme(folder / README, registry.entries.values())
