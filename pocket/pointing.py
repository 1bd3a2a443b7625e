"""What training tells the attention itself: each hop of hops.py by one head of one layer.

The loss of the next token says only that another name would have been right; after 168 million tokens of it no head looked
from a word of the request at the same word in a declaration (RECIPE.md). In training the hops are known, so heads are
told where to look; the model's form stays what it is.
"""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


def heads(config):
    """{hop: (layer, head)}; none in models too shallow for all of them. In the model that this was tried on, those of the
    last two hops were the nearest to them by themselves."""
    last = config.num_hidden_layers - 1
    if last < 4 or config.num_attention_heads < 3:
        return {}
    return {"named": (1, 1), "found": (2, 0), "asked": (3, 0), "chosen": (last, 2), "copied": (last, 0)}


@dataclasses.dataclass
class Points:
    """Of one sample and hop: the attention of `queries` [n] to `keys` [m], places in the flattened rows, should be where
    `targets` [n, m] says among what they see, `visible` [n, m]; and what that brings should tell the tool of the number
    `tools` [n] (-1 where it is open) by its name, whose places are `names`: one range a tool."""
    queries: torch.Tensor
    keys: torch.Tensor
    visible: torch.Tensor
    targets: torch.Tensor
    tools: torch.Tensor
    names: list


def loss(q, k, points):
    """(mean over queries of the negative logarithm of the attention at the targets, share of the queries with at least
    half of it there). q, k: [B, T, D] of one head."""
    q, k = q.flatten(0, 1), k.flatten(0, 1)
    off = []
    for p in points:
        logits = (q.index_select(0, p.queries) @ k.index_select(0, p.keys).T).float() * q.shape[-1] ** -0.5
        off.append(logits.masked_fill(~p.visible, float("-inf")).logsumexp(-1) -
                   logits.masked_fill(~p.targets, float("-inf")).logsumexp(-1))
    off = torch.cat(off)
    return off.mean(), (off <= 0.6931).float().mean()


class Tellers(nn.Module):
    """What a hop has brought must be of use to the next one: from the state behind its layer two linear maps tell, of the
    declared names, the one it is about. The maps serve training alone."""

    WIDTH = 32

    def __init__(self, config):
        super().__init__()
        self.hops = [hop for hop in heads(config) if hop not in ("chosen", "copied")]
        self.asking, self.names = (nn.ModuleDict({hop: nn.Linear(config.hidden_size, self.WIDTH, bias=False) for hop in self.hops})
                                   for _ in range(2))

    def loss(self, hop, state, points):
        """(mean cross-entropy, share told right). state: [B, T, D]"""
        state = state.float()
        state = (state * torch.rsqrt(state.square().mean(-1, keepdim=True) + 1e-6)).flatten(0, 1)
        off, right = [], []
        for p in points:
            known = p.tools >= 0
            if not bool(known.any()):
                continue
            asking = self.asking[hop](state.index_select(0, p.queries[known]))
            names = self.names[hop](torch.stack([state[name.start:name.stop].mean(0) for name in p.names]))
            logits, tools = asking @ names.T, p.tools[known]
            off.append(F.cross_entropy(logits, tools, reduction="none"))
            right.append(logits.argmax(-1) == tools)
        if not off:
            return state.new_zeros(()), state.new_zeros(())
        return torch.cat(off).mean(), torch.cat(right).float().mean()


def tensors(queries, names, offset, device):
    """Points of a row whose first token has the place `offset`."""
    first = min(part.start for _, _, _, seen in queries for part in seen)
    last = max(part.stop for _, _, _, seen in queries for part in seen)
    visible, targets = (torch.zeros(len(queries), last - first, dtype=torch.bool) for _ in range(2))
    for i, (query, wanted, _, seen) in enumerate(queries):
        for part in seen:
            visible[i, part.start - first:min(part.stop, query + 1) - first] = True
        targets[i, [place - first for place in wanted]] = True
    asking, tools = (torch.tensor([query[i] for query in queries]) for i in (0, 2))
    names = [range(name.start + offset, name.stop + offset) for name in names]
    return Points((asking + offset).to(device), torch.arange(first + offset, last + offset, device=device),
                  visible.to(device), targets.to(device), tools.to(device), names)
