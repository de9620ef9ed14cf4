"""The report as one HTML file with everything in it, and as Markdown beside its pictures."""

import base64
from importlib.resources import files

from jinja2 import Environment

from dlheir.report.content import Content


def to_html(content: Content) -> str:
    """Write the page: no script, nothing from elsewhere, light or dark as the reader's system."""
    here = files("dlheir.report")
    template = Environment(autoescape=True).from_string(
        here.joinpath("page.html.jinja").read_text(encoding="utf-8")
    )
    return template.render(
        content=content,
        style=here.joinpath("page.css").read_text(encoding="utf-8"),
        pictures=[(p.run_id, base64.b64encode(p.webp).decode()) for p in content.pictures],
    )


def to_markdown(content: Content) -> str:
    """Write the same as Markdown; plots and pictures are files beside it."""
    lines = [f"# {content.title}", "", content.counts, ""]
    lines += [f"**{note}**\n" for note in content.notes]
    for section in content.sections:
        lines += [f"## {section.heading}", ""]
        for part in section.parts:
            if part.table.title != section.heading:
                lines += [f"### {part.table.title}", ""]
            lines.append(part.table.to_markdown())
            lines += [f"![{plot.title}](plots/{plot.name}.png)\n" for plot in part.plots]
    if content.pictures:
        lines += ["## Retrieval", ""]
        lines += [f"![{p.run_id}](pictures/{p.run_id}.png)\n" for p in content.pictures]
    if content.more_pictures:
        lines.append(f"{content.more_pictures} more lie in the folders of their runs.\n")
    return "\n".join(lines)
