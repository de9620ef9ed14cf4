"""What a run of a sweep is given of a machine."""

from collections.abc import Mapping
from dataclasses import dataclass

from dlheir.machine import usable_cores


@dataclass(frozen=True)
class Resources:
    """What one run is given.

    Attributes:
        cpus: Cores, and so threads; 1 or more.
        gpus: A whole number of GPUs, or a fraction of one that several runs share.
    """

    cpus: int = 1
    gpus: float = 0

    def runs_on(self, machine: Mapping[str, float]) -> int:
        """How many such runs a machine has room for.

        Args:
            machine: Its number of "CPU" and of "GPU", as Ray names them.
        """
        by_cpus = int(machine.get("CPU", 0) // self.cpus)
        if not self.gpus:
            return by_cpus
        gpus = int(machine.get("GPU", 0))
        by_gpus = int(gpus // self.gpus) if self.gpus >= 1 else gpus * int(1 / self.gpus)
        return min(by_cpus, by_gpus)

    def runs_on_this_machine(self) -> int:
        """How many such runs this machine has room for."""
        from torch import cuda

        return self.runs_on({"CPU": usable_cores(), "GPU": cuda.device_count()})
