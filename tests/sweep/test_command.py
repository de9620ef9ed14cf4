"""Commands as W&B's agent starts them; wandb's own agent is the oracle."""

import pytest
from wandb import wandb_agent

from dlheir.errors import InputError
from dlheir.sweep.command import command_of, fit_arguments
from dlheir.sweep.grid import Sweep

COMBINATION = {
    "data.augmentation": {"flip": True, "min_area": 0.8},
    "data.image_size": "max",
    "model.bits": 12,
    "model.nesterov": False,
    "model.weight_decay": 1e-05,
    "trainer.callbacks": [],
}
FIT = ["-m", "dlheir", "fit"]


def sweep_with(*command, program="dlheir"):
    return Sweep("table", program, command, "grid", ("model.bits",), (COMBINATION,))


@pytest.fixture
def agents_command(monkeypatch, tmp_path):
    """The command that wandb's agent starts, caught where it would become a process."""
    started = []
    monkeypatch.setattr(wandb_agent, "AgentProcess", lambda command, **_: started.append(command))
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_RUN_ID", "")  # the agent writes these two: they are put back
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", "")

    def agents_command(sweep, combination):
        agent = object.__new__(wandb_agent.Agent)
        agent._sweep_command = list(sweep.command)
        agent._in_jupyter = agent._forward_signals = False
        agent._function, agent._run_processes = None, {}
        values = {name: {"value": value} for name, value in combination.items()}
        try:
            agent._command_run({"run_id": "a1", "program": sweep.program, "args": values})
        except AttributeError:  # there is no process to note the time of
            assert started
        return started.pop()

    return agents_command


@pytest.mark.parametrize(
    "command",
    [
        ["${env}", "${interpreter}", *FIT, "${args}"],
        ["${env}", "${interpreter}", *FIT, "--config", "a b.yaml", "${args}", "--ckpt_path=last"],
        ["${program}", "fit", "${args_no_equals}"],
        ["dlheir", "fit", "${args}", "${args}"],
        ["dlheir", "fit", "--data.root=${envvar:PICTURES}/${envvar:SUB_2}", "${envvar:PICTURES}"],
    ],
)
def test_commands_are_those_of_the_agent(agents_command, monkeypatch, command):
    monkeypatch.setenv("PICTURES", "/my pictures")
    monkeypatch.setenv("SUB_2", "corel")
    sweep = sweep_with(*command)
    rendered = command_of(sweep, COMBINATION)
    assert rendered == agents_command(sweep, COMBINATION)
    assert not any("${" in word for word in rendered)


def test_how_values_are_written():
    assert command_of(sweep_with("dlheir", "fit", "${args}"), COMBINATION) == [
        "dlheir",
        "fit",
        "--data.augmentation={'flip': True, 'min_area': 0.8}",
        "--data.image_size=max",
        "--model.bits=12",
        "--model.nesterov=False",
        "--model.weight_decay=1e-05",
        "--trainer.callbacks=[]",
    ]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["${args_json}"], "dlheir fit cannot take ${args_json}; write ${args}"),
        (["--config", "${args_json_file}"], "cannot take ${args_json_file}"),
        (["${args_no_hyphens}"], "cannot take ${args_no_hyphens}"),
        # `--model.nesterov` alone is no argument of dlheir fit, and false would be left out.
        (["${args_no_boolean_flags}"], "cannot take ${args_no_boolean_flags}"),
        (["${argz}"], "no macro ${argz} in '${argz}'; there are ${env}, ${interpreter}"),
        (["--runs=${program}"], "no macro ${program} in '--runs=${program}'"),
        (["--runs=${envvar:home}"], "no macro ${envvar:home}"),
        (["--runs=${envvar:NOT_SET_HERE}"], "${envvar:NOT_SET_HERE}: not set"),
    ],
)
def test_macros_that_are_refused(command, says):
    with pytest.raises(InputError) as caught:
        command_of(sweep_with("dlheir", "fit", *command), COMBINATION)
    assert str(caught.value).startswith("command: ")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "start",
    [
        ["/usr/bin/env", "python", "-m", "dlheir"],
        ["python", "-m", "dlheir"],
        ["/usr/bin/env", "dlheir"],
        ["dlheir"],
        ["/opt/bin/dlheir"],
    ],
)
def test_arguments_of_fit(start):
    assert fit_arguments([*start, "fit", "--model.bits=12"]) == ["fit", "--model.bits=12"]


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["/usr/bin/env"],
        ["dlheir"],
        ["dlheir", "test", "--ckpt_path=last"],
        ["dlheir", "--model.bits=12"],
        ["python", "-m", "dlheir.cli", "fit"],
        ["python", "dlheir", "fit"],  # a file called dlheir
        ["/usr/bin/env", "A=1", "dlheir", "fit"],
        ["python", "-m", "other", "fit"],
        ["torchrun", "-m", "dlheir", "fit"],
    ],
)
def test_other_programs_are_refused(command):
    with pytest.raises(InputError, match=r"is not `dlheir fit`; write \$\{env\}"):
        fit_arguments(command)
