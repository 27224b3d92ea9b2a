"""A simulated agent gateway to test against. `Simulator` starts one and steers it.

With pytest there is a fixture for it, `gateway`.
"""

from ._program import program_path
from ._simulator import Event, Request, Simulator, SimulatorError

__all__ = ["Event", "Request", "Simulator", "SimulatorError", "program_path"]
__version__ = "1.0.0"
