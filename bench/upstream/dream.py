#!/usr/bin/env python3
"""The original's own dream, one frame at a time, for `./engine bench dream --upstream DIR`.

DIR is a checkout of github.com/world-model-eval/world-model-eval, whose model.py and diffusion.py run unchanged. Weights, context, actions
and noise come from files, so that both sides compute the same frames. Talks in lines: prints one JSON object when ready, then answers
"begin" (back to the context), "frame" (one more frame, timed in here) and "write PATH" (the frames so far, raw float32 [F, B, H, W, C]).
"""

import argparse
import json
import sys
import time

import numpy
import torch

import stand_ins


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--upstream", required=True)
    arguments.add_argument("--model", required=True)
    arguments.add_argument("--weights", required=True)
    arguments.add_argument("--input", required=True)
    arguments.add_argument("--threads", required=True, type=int)
    given = arguments.parse_args()
    replaced = stand_ins.install()
    sys.path.insert(0, given.upstream)
    import diffusion
    import model

    with open(given.model, encoding="utf-8") as file:
        config = json.load(file)
    torch.set_num_threads(given.threads)
    torch.set_grad_enabled(False)
    names = ["in_channels", "patch_size", "dim", "num_layers", "num_heads", "action_dim", "max_frames"]
    network = model.DiT(**{name: config[name] for name in names}).eval()
    weights = numpy.load(given.weights)
    network.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights.files})
    sampler = diffusion.Diffusion(sampling_timesteps=config["sampling_steps"])
    arrays = numpy.load(given.input)
    context, actions, noise = (torch.from_numpy(arrays[name]).transpose(0, 1).contiguous() for name in ("context", "actions", "noise"))
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "stand_ins": replaced}), flush=True)

    frames = context
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word == "begin":
            frames = context
            print(json.dumps({"frames": frames.shape[1]}), flush=True)
        elif word == "frame":
            count = frames.shape[1]
            torch.randn = lambda *args, **kwargs: noise[:, count : count + 1].clone()
            start = time.perf_counter()
            frames = sampler.generate(network, frames, actions, n_context_frames=count, n_frames=count + 1)
            print(json.dumps({"milliseconds": 1e3 * (time.perf_counter() - start)}), flush=True)
        elif word == "write":
            frames.transpose(0, 1).contiguous().numpy().tofile(rest)
            print(json.dumps({"frames": frames.shape[1]}), flush=True)


if __name__ == "__main__":
    main()
