"""The plugin for pytest: the fixture `gateway`, and the option `agw_simulator` of its ini file."""

from typing import Iterator

import pytest

from ._simulator import Simulator


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option."""
    parser.addini("agw_simulator", "options of the simulator's program", type="args", default=[])


@pytest.fixture(scope="session")
def _agw_simulator(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    with Simulator(*request.config.getini("agw_simulator")) as simulator:
        yield simulator


@pytest.fixture
def gateway(_agw_simulator: Simulator) -> Simulator:
    """Gives the simulated gateway of this session, as it was at its start."""
    _agw_simulator.reset()
    return _agw_simulator
