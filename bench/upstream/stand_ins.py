"""Stand-ins for what the original imports and this machine may lack. A library that is installed is used; the list says what was replaced."""

import importlib.util
import math
import sys
import types


def install():
    """Puts stand-ins where an import would fail. Returns their names, for the report."""
    import torch

    used = []
    if importlib.util.find_spec("einops") is None:
        module = types.ModuleType("einops")
        module.rearrange, module.repeat = rearrange, repeat
        sys.modules["einops"] = module
        used.append("einops")
    if importlib.util.find_spec("tqdm") is None:
        module = types.ModuleType("tqdm")
        module.tqdm = Silent
        sys.modules["tqdm"] = module
        used.append("tqdm")
    if not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
        torch.nn.functional.scaled_dot_product_attention = attention
        used.append("scaled_dot_product_attention")
    return used


class Silent:
    """A progress bar that shows nothing."""

    def __init__(self, *args, **kwargs):
        pass

    def set_postfix(self, *args, **kwargs):
        pass

    def update(self, *args):
        pass


def attention(q, k, v, is_causal=False):
    """softmax(q kT / sqrt(d)) v as torch's own fallback computes it, with one batched product each."""
    import torch

    scores = torch.matmul(q * (1 / math.sqrt(q.shape[-1])), k.transpose(-2, -1))
    if is_causal:
        above = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores.masked_fill_(above, float("-inf"))
    return torch.matmul(torch.softmax(scores, -1), v)


def groups(side):
    """'b (h p) ... c' as [['b'], ['h', 'p'], None, ['c']]; None is an ellipsis outside of parentheses."""
    out, inside = [], None
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            inside = []
        elif word == ")":
            out.append(inside)
            inside = None
        elif inside is not None:
            inside.append(word)
        else:
            out.append(None if word == "..." else [word])
    return out


def spell(side, extra):
    """Puts the axes that an ellipsis stands for in its place, merged where it stands in parentheses."""
    out = []
    for group in side:
        if group is None:
            out += [[name] for name in extra]
        else:
            out.append([n for name in group for n in (extra if name == "..." else [name])])
    return out


def rearrange(x, pattern, **sizes):
    return repeat(x, pattern, **sizes)


def repeat(x, pattern, **sizes):
    """einops.rearrange and einops.repeat: split, permute, expand, merge."""
    left, right = (groups(side) for side in pattern.split("->"))
    extra = [f"_{i}" for i in range(x.dim() - len(left) + 1)] if None in left else []
    left, right = spell(left, extra), spell(right, extra)
    length = dict(sizes)
    for group, size in zip(left, x.shape):
        known = math.prod(length[name] for name in group if name in length)
        for name in group:
            if name not in length:
                length[name] = size // known
    names = [name for group in left for name in group]
    wanted = [name for group in right for name in group]
    x = x.reshape([length[name] for name in names])
    x = x.permute([names.index(name) for name in wanted if name in names])
    for at, name in enumerate(wanted):
        if name not in names:
            x = x.unsqueeze(at)
    x = x.expand([length[name] for name in wanted])
    return x.reshape([math.prod(length[name] for name in group) for group in right])
