#!/usr/bin/env python3
"""PyTorch's side of bench/cuda/run.sh, as Markdown: attention, layer norm with modulation, GELU, a compiled GAE. The original's dream is timed by `engine bench dream --upstream`.

Shapes are those of `engine bench cuda --size original-10`. Times are medians of CUDA events around graphs or single calls on warm clocks.
"""

import statistics

import torch
import torch.nn.functional as functional


def milliseconds(work, inside=20, repeats=25):
    for _ in range(5):
        work()
    torch.cuda.synchronize()
    times = []
    for _ in range(repeats):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(inside):
            work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / inside)
    return statistics.median(times)


def line(name, value):
    print(f"| {name} | {1000 * value:.1f} µs |")


def kernels(environments, tokens=256, dim=1024, heads=16):
    print(f"### PyTorch {torch.__version__}, {environments} environments\n\n| figure | time |\n|---|--:|")
    bf16 = dict(device="cuda", dtype=torch.bfloat16)
    rows = environments * tokens
    q, k, v = (torch.randn(environments, heads, tokens, dim // heads, **bf16) for _ in range(3))
    line("scaled_dot_product_attention", milliseconds(lambda: functional.scaled_dot_product_attention(q, k, v)))
    x, shift, scale = torch.randn(rows, dim, device="cuda"), torch.randn(dim, device="cuda"), torch.randn(dim, device="cuda")
    line("layer_norm and modulation", milliseconds(lambda: (functional.layer_norm(x, (dim,)) * (1 + scale) + shift).bfloat16()))
    hidden = torch.randn(rows, 4 * dim, **bf16)
    line("gelu, tanh form", milliseconds(lambda: functional.gelu(hidden, approximate="tanh")))
    a = torch.randn(rows, dim, **bf16)
    for name, outputs in (("queries, keys, values", 3 * dim), ("projection", dim), ("MLP out", 4 * dim)):
        linear = torch.nn.Linear(dim, outputs, **bf16)
        line(f"linear, {name}", milliseconds(lambda: linear(a)))
    print()


def advantages(steps=2048, environments=8192, gamma=0.99, decay=0.95):
    rewards, values, following = (torch.randn(steps, environments, device="cuda") for _ in range(3))
    ends = torch.zeros(steps, environments, device="cuda")

    @torch.compile
    def one(reward, value, after, end, last):
        delta = reward + gamma * after * (1 - end) - value
        return delta + gamma * decay * (1 - end) * last

    def gae():
        last, result = torch.zeros(environments, device="cuda"), torch.empty_like(rewards)
        for t in range(steps - 1, -1, -1):
            last = one(rewards[t], values[t], following[t], ends[t], last)
            result[t] = last
        return result, result + values

    print("### PyTorch, GAE\n\n| figure | time |\n|---|--:|")
    line(f"GAE [{steps}, {environments}], a step compiled", milliseconds(gae, inside=1, repeats=5))
    print()


def main():
    torch.backends.cuda.matmul.allow_tf32 = True
    for environments in (1, 32):
        kernels(environments)
    advantages()


if __name__ == "__main__":
    main()
