"""What networks cost: parameters, operations, memory and speed, and the paper's Table 2.

`measure` counts one network; `main` is `dlheir complexity`.
"""

from dlheir.complexity.command import main
from dlheir.complexity.counts import Complexity, measure

__all__ = ["Complexity", "main", "measure"]
