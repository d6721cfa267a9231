"""In a process of its own: what is imported once stays."""

import subprocess
import sys

CODE = """
import sys, torch
from vmas_pipeline.stand_ins import defer_compiler, import_deepspeed
defer_compiler()
layer = torch.nn.Linear(2, 2)
optimiser = torch.optim.AdamW(layer.parameters(), lr=0.1)
layer(torch.ones(1, 2)).sum().backward()
before = layer.weight.detach().clone()
optimiser.step()
assert not torch.equal(before, layer.weight)
deepspeed = import_deepspeed()
from deepspeed.runtime.zero.muon.original_muon import muon_update
from deepspeed.runtime.zero.muon.muon_optimizer import MuonWithAuxAdam
assert not isinstance(optimiser, MuonWithAuxAdam)
assert not {"mlflow", "torch._inductor", "torch._dynamo.eval_frame"} & set(sys.modules)

double = torch.compile(lambda x: 2 * x, backend="eager")  # whoever compiles gets the real compiler
assert torch.equal(double(torch.ones(3)), 2 * torch.ones(3))
from torch._dynamo.utils import counters
print(deepspeed.__name__, counters["frames"]["ok"], type(sys.modules["torch._dynamo"]).__name__)
"""


def test_an_optimiser_steps_without_the_compiler_which_comes_when_something_is_compiled():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "deepspeed 1 module"
