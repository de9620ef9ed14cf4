"""Two colour descriptors of MPEG-7 (ISO/IEC 15938-3), in numpy."""

from dlheir.baselines.mpeg7.colour_structure import colour_structure
from dlheir.baselines.mpeg7.scalable_colour import scalable_colour

__all__ = ["colour_structure", "scalable_colour"]
