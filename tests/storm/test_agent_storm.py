"""Two thousand hostile requests through the agent loop (agent_storm.cc); what calls come out is judged by the
jsonschema package. `build/release/tests/agent_storm --requests 10000` is the whole storm."""

import json
import os
import subprocess

import jsonschema
import pytest

STORM = os.environ.get("MAINS_STORM", "build/release/tests/agent_storm")


@pytest.mark.parametrize("seed", [1, 2])
def test_every_call_fits_its_schema(tmp_path, seed):
    calls = tmp_path / "calls.jsonl"
    done = subprocess.run([STORM, "--requests", "1000", "--seed", str(seed), "--calls", calls], capture_output=True,
                          text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    counts = json.loads(done.stdout)
    made = [json.loads(line) for line in calls.read_text(encoding="utf-8").splitlines()]
    assert len(made) == counts["calls"] > 20
    for call in made:
        schema = dict(call["schema"], additionalProperties=False)
        jsonschema.validate(call["arguments"], schema, cls=jsonschema.Draft202012Validator)
