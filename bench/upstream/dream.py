#!/usr/bin/env python3
"""The original's own dream, one frame at a time, for `./engine bench dream --upstream DIR`; on a GPU with bfloat16 autocast.

DIR is a checkout of github.com/world-model-eval/world-model-eval, whose model.py and diffusion.py run unchanged. Weights, context, actions
and noise come from files, so that both sides compute the same frames. Talks in lines: prints one JSON object when ready, then answers
"begin" (back to the context), "frame" (one more frame, timed in here) and "write PATH" (the frames so far, raw float32 [F, B, H, W, C]).
"""

import argparse
import contextlib
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
    arguments.add_argument("--device", default="cpu")
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
    on_gpu = given.device != "cpu"
    if on_gpu and not torch.cuda.is_available():
        raise SystemExit(f"this torch {torch.__version__} sees no GPU for --device {given.device}")
    network = model.DiT(**{name: config[name] for name in names}).eval()
    weights = numpy.load(given.weights)
    network.load_state_dict({name: torch.from_numpy(weights[name]) for name in weights.files})
    network = network.to(given.device)
    sampler = diffusion.Diffusion(sampling_timesteps=config["sampling_steps"]).to(given.device)
    torch.backends.cuda.matmul.allow_tf32 = True
    arrays = numpy.load(given.input)
    context, actions, noise = (torch.from_numpy(arrays[name]).transpose(0, 1).contiguous().to(given.device) for name in ("context", "actions", "noise"))
    where = f"{torch.cuda.get_device_name(given.device)}, bfloat16 autocast" if on_gpu else f"{torch.get_num_threads()} threads"
    print(json.dumps({"torch": torch.__version__, "where": where, "stand_ins": replaced}), flush=True)

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
            with torch.autocast("cuda", dtype=torch.bfloat16) if on_gpu else contextlib.nullcontext():
                frames = sampler.generate(network, frames, actions, n_context_frames=count, n_frames=count + 1)
            if on_gpu:
                torch.cuda.synchronize()
            print(json.dumps({"milliseconds": 1e3 * (time.perf_counter() - start)}), flush=True)
        elif word == "write":
            frames.transpose(0, 1).contiguous().float().cpu().numpy().tofile(rest)
            print(json.dumps({"frames": frames.shape[1]}), flush=True)


if __name__ == "__main__":
    main()
