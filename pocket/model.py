"""DeepSeek V3.2 in miniature: MLA, fine-grained experts with a shared one, indexer, one MTP layer.

Sources: DeepSeek-V2 (MLA), DeepSeek-V3 (routing, MTP) and DeepSeek-V3.2-Exp (indexer) reports; names and
layouts of weights are those of the published checkpoints. Shapes: B sequences of T tokens, D d_model,
H heads, E experts.
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

from . import pointing
from .older_torch import attention, autocast_type


@dataclasses.dataclass
class Config:
    vocab_size: int = 8192
    hidden_size: int = 192
    num_hidden_layers: int = 6
    first_k_dense_replace: int = 1
    num_attention_heads: int = 3
    qk_nope_head_dim: int = 48
    qk_rope_head_dim: int = 16
    v_head_dim: int = 64
    q_lora_rank: int = 96
    kv_lora_rank: int = 64
    intermediate_size: int = 512
    n_routed_experts: int = 8
    num_experts_per_tok: int = 2
    moe_intermediate_size: int = 96
    n_shared_experts: int = 1
    index_n_heads: int = 2
    index_head_dim: int = 32
    index_topk: int = 128
    routed_scaling_factor: float = 1.0
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6
    max_position_embeddings: int = 2048
    trained_context: int = 1536
    initializer_range: float = 0.02


XS = Config()
S = Config(hidden_size=256, num_hidden_layers=8, num_attention_heads=4, q_lora_rank=128, intermediate_size=768,
           n_routed_experts=16, moe_intermediate_size=128, index_n_heads=4, max_position_embeddings=4096,
           trained_context=2048)
# The same shape with the active width in one plain FFN: the dense twin of the controls.
DENSE = dataclasses.replace(XS, first_k_dense_replace=6, intermediate_size=352)
TINY = Config(vocab_size=600, hidden_size=32, num_hidden_layers=3, num_attention_heads=2, qk_nope_head_dim=8,
              qk_rope_head_dim=8, v_head_dim=16, q_lora_rank=24, kv_lora_rank=16, intermediate_size=64,
              n_routed_experts=4, moe_intermediate_size=32, index_head_dim=16, index_topk=16,
              max_position_embeddings=256, trained_context=128)
SHAPES = {"xs": XS, "s": S, "dense": DENSE, "tiny": TINY}


def rms_norm(x, weight, eps, dtype):
    x = x.float()
    return (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * weight).to(dtype)


def compute_type(x):
    """What products compute with: the casts that autocast would repeat for every one of them are made once."""
    return autocast_type(x.device.type) or x.dtype


class RMSNorm(nn.Module):
    def __init__(self, size, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return rms_norm(x, self.weight, self.eps, compute_type(x))


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


def rope_tables(positions, config):
    """cos, sin: positions.shape + [rope / 2]"""
    half = torch.arange(0, config.qk_rope_head_dim, 2, device=positions.device, dtype=torch.float)
    angles = positions[..., None].float() / config.rope_theta ** (half / config.qk_rope_head_dim)
    return angles.cos(), angles.sin()


def rotate_interleaved(x, cos, sin):
    """Pairs (0, 1), (2, 3), ...: MLA's. The order of the results is free as q and k share it."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def rotate_halves(x, cos, sin):
    """Pairs (0, n/2), (1, n/2 + 1), ...: the indexer's."""
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def selected(scores, count):
    """True at the `count` largest of every row; of equal ones at the first, as the program selects.

    Rectified scores are often exactly zero in all heads, so ties are common.
    """
    last = scores.topk(count, -1).values[..., -1:]
    above, equal = scores > last, scores == last
    return above | (equal & (equal.cumsum(-1) <= count - above.sum(-1, keepdim=True)))


def nearly_selected(scores, count):
    """The same for training, where two of three parts of that time, spent on ties, are saved: only ties of zeros are
    sure to go to the first, by a share of the position that is far below any score."""
    ranked = scores - 1e-20 * torch.arange(scores.shape[-1], device=scores.device)
    return ranked >= ranked.topk(count, -1, sorted=False).values.amin(-1, keepdim=True)


class Indexer(nn.Module):
    """Scores every earlier token for every query; the best index_topk are attended to."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.wq_b = linear(config.q_lora_rank, config.index_n_heads * config.index_head_dim)
        self.wk = linear(config.hidden_size, config.index_head_dim)
        self.k_norm = nn.LayerNorm(config.index_head_dim, eps=1e-6)
        self.weights_proj = linear(config.hidden_size, config.index_n_heads)

    def keys(self, x, cos, sin):
        """[B, T, index_head_dim], float32 as all that scores are made of: the order of near-ties decides."""
        k = self.k_norm(self.wk(x)).float()
        rope = self.config.qk_rope_head_dim
        return torch.cat((rotate_halves(k[..., :rope], cos, sin), k[..., rope:]), -1)

    def forward(self, x, q_latent, k, cos, sin):
        """[B, T, S] scores of S keys, unmasked."""
        c = self.config
        q = self.wq_b(q_latent).view(*x.shape[:2], c.index_n_heads, c.index_head_dim).float()
        rope = c.qk_rope_head_dim
        q = torch.cat((rotate_halves(q[..., :rope], cos[:, :, None], sin[:, :, None]), q[..., rope:]), -1)
        weights = self.weights_proj(x).float() * (c.index_n_heads * c.index_head_dim) ** -0.5
        scores = 0
        with torch.autocast(x.device.type, enabled=False):
            for head in range(c.index_n_heads):  # keeps one [B, T, S] at a time
                scores = scores + weights[..., head, None] * F.relu(q[:, :, head] @ k.transpose(1, 2))
        return scores


QUERY_BLOCK = 256  # on a CPU, plain products over blocks of queries beat the fused kernel (measured: by 1.5 to 2.2 times)


def causal_attention(q, k, v, select=None):
    """A block of queries sees the keys up to its end; `select(begin, end)` may narrow that: [B, end - begin, end]."""
    if q.device.type != "cpu" and select is None:
        return attention(q, k, v, is_causal=True)
    later = torch.ones(QUERY_BLOCK, QUERY_BLOCK, dtype=torch.bool, device=q.device).triu(1)
    length, out = q.shape[2], []
    for begin in range(0, length, QUERY_BLOCK):
        end = min(begin + QUERY_BLOCK, length)
        size = end - begin
        scores = (q[:, :, begin:end] * q.shape[-1] ** -0.5) @ k[:, :, :end].transpose(-1, -2)
        chosen = select(begin, end) if select else None
        if chosen is not None:
            scores = scores.masked_fill(~chosen[:, None], float("-inf"))
        else:
            scores[..., begin:].masked_fill_(later[:size, :size], float("-inf"))
        out.append(scores.softmax(-1) @ v[:, :, :end])
    return out[0] if len(out) == 1 else torch.cat(out, 2)


class _SharedAttention(torch.autograd.Function):
    """Of branch_attention: one softmax over two parts that are never joined. Written out, forward and back take 0.55 to 0.7 of
    the time of joined parts (measured on a CPU)."""

    @staticmethod
    def forward(ctx, q, k, v, k_before, v_before):
        count, heads, length, size = q.shape
        q, k, v = (t.transpose(0, 1).contiguous() for t in (q * size ** -0.5, k, v))
        k_before, v_before = k_before[0], v_before[0]
        later = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
        with torch.autocast(q.device.type, enabled=False):
            before = (q.flatten(1, 2) @ k_before.transpose(-1, -2)).float().view(heads, count, length, -1)
            own = (q @ k.transpose(-1, -2)).float().masked_fill_(later, float("-inf"))
            largest = torch.maximum(before.amax(-1, keepdim=True), own.amax(-1, keepdim=True))
            before, own = before.sub_(largest).exp_(), own.sub_(largest).exp_()
            total = before.sum(-1, keepdim=True) + own.sum(-1, keepdim=True)
            before, own = before.to(v.dtype), own.to(v.dtype)
            out = own @ v + (before.flatten(1, 2) @ v_before).view(heads, count, length, -1)
            out = (out / total).to(v.dtype)
        ctx.save_for_backward(q, k, v, k_before, v_before, before, own, total, out)
        return out.transpose(0, 1)

    @staticmethod
    def backward(ctx, grad):
        q, k, v, k_before, v_before, before, own, total, out = ctx.saved_tensors
        with torch.autocast(q.device.type, enabled=False):
            grad = (grad.transpose(0, 1) / total).to(v.dtype)
            mean = (grad * out).sum(-1, keepdim=True)
            grad_v, grad_v_before = own.transpose(-1, -2) @ grad, before.flatten(1, 2).transpose(-1, -2) @ grad.flatten(1, 2)
            own = (grad @ v.transpose(-1, -2)).sub_(mean).mul_(own)
            before = (grad.flatten(1, 2) @ v_before.transpose(-1, -2)).sub_(mean.flatten(1, 2)).mul_(before.flatten(1, 2))
            grad_q = (own @ k + (before @ k_before).view_as(q)) * q.shape[-1] ** -0.5
            grad_k, grad_k_before = own.transpose(-1, -2) @ q, before.transpose(-1, -2) @ q.flatten(1, 2)
        return *(t.transpose(0, 1) for t in (grad_q, grad_k, grad_v)), grad_k_before[None], grad_v_before[None]


def branch_attention(q, k, v, k_before, v_before):
    """[N, H, T, ...] of N continuations, causal in themselves, that all see `k_before`, `v_before`: [1, H, S, ...]."""
    return _SharedAttention.apply(q, k, v, k_before, v_before)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = c = config
        self.q_a_proj = linear(c.hidden_size, c.q_lora_rank)
        self.q_a_layernorm = RMSNorm(c.q_lora_rank)
        self.q_b_proj = linear(c.q_lora_rank, c.num_attention_heads * (c.qk_nope_head_dim + c.qk_rope_head_dim))
        self.kv_a_proj_with_mqa = linear(c.hidden_size, c.kv_lora_rank + c.qk_rope_head_dim)
        self.kv_a_layernorm = RMSNorm(c.kv_lora_rank)
        self.kv_b_proj = linear(c.kv_lora_rank, c.num_attention_heads * (c.qk_nope_head_dim + c.v_head_dim))
        self.o_proj = linear(c.num_attention_heads * c.v_head_dim, c.hidden_size)
        self.indexer = Indexer(config)

    def project(self, x, cos, sin):
        """q, k, v: [B, H, T, ...], and the query latent."""
        c = self.config
        batch, length, _ = x.shape
        q_latent = self.q_a_layernorm(self.q_a_proj(x))
        q = self.q_b_proj(q_latent).view(batch, length, c.num_attention_heads, -1).transpose(1, 2)
        latent, k_rope = self.kv_a_proj_with_mqa(x).split((c.kv_lora_rank, c.qk_rope_head_dim), -1)
        kv = self.kv_b_proj(self.kv_a_layernorm(latent)).view(batch, length, c.num_attention_heads, -1).transpose(1, 2)
        k, v = kv.split((c.qk_nope_head_dim, c.v_head_dim), -1)
        cos, sin = cos[:, None].to(q.dtype), sin[:, None].to(q.dtype)
        q_rope = rotate_interleaved(q[..., c.qk_nope_head_dim:], cos, sin)
        k_rope = rotate_interleaved(k_rope[:, None], cos, sin).expand(-1, c.num_attention_heads, -1, -1)
        q = torch.cat((q[..., :c.qk_nope_head_dim], q_rope), -1)
        return q, torch.cat((k, k_rope), -1), v, q_latent

    def forward(self, x, cos, sin, mask, run):
        """mask: [B, 1, T, S], true where a query may look; or, for packed rows, their list of Groups."""
        q, k, v, q_latent = self.project(x, cos, sin)
        for hop, head in run.told.get(self, ()):
            run.pointed[hop] = pointing.loss(q[:, head], k[:, head], run.points[hop])
        if isinstance(mask, list):
            out = self._attend_groups(x, cos, sin, q, k, v, q_latent, mask, run)
        else:
            if run.cache is not None:
                k, v = run.cache.put((self, "k"), k), run.cache.put((self, "v"), v)
            out = self._attend(x, cos, sin, q, k, v, q_latent, mask, None, run)
        return self.o_proj(out.transpose(1, 2).reshape(*x.shape[:2], -1))

    def _attend(self, x, cos, sin, q, k, v, q_latent, mask, valid, run):
        """[B, H, T, v_head_dim]. mask None: causal. valid: [B, T] queries that count for the indexer's loss."""
        c = self.config
        if k.shape[2] <= c.index_topk and not run.indexer_loss and run.cache is None or not (run.sparse or run.indexer_loss):
            return causal_attention(q, k, v) if mask is None else attention(q, k, v, mask)
        if mask is None and run.cache is None and not run.indexer_loss and torch.is_grad_enabled():
            return causal_attention(q, k, v, self._selector(x.detach(), q_latent.detach(), cos, sin))
        if mask is None:
            mask = torch.ones(k.shape[2], k.shape[2], dtype=torch.bool, device=k.device).tril().expand(len(k), 1, -1, -1)
        seen = x.detach()
        keys = self.indexer.keys(seen, cos, sin)
        if run.cache is not None:
            keys = run.cache.put((self, "i"), keys[:, None])[:, 0]
        scores = self.indexer(seen, q_latent.detach(), keys, cos, sin).masked_fill(~mask[:, 0], float("-inf"))
        if run.indexer_loss:
            run.add_indexer_loss(scores, q, k, mask, valid, c.index_topk)
        if run.sparse and k.shape[2] > c.index_topk:
            mask = mask & selected(scores.detach(), c.index_topk)[:, None]
        return attention(q, k, v, mask)

    def _attend_branches(self, x, cos, sin, q, k, v, q_latent, before, keys_before, valid, run):
        """As _attend, of continuations: `before` are the keys and values of what they all continue."""
        def after(earlier, own):
            return torch.cat((earlier.expand(len(own), *earlier.shape[1:]), own), -2)
        seen, count, length = x.detach(), before[0].shape[2], x.shape[1]
        k, v = after(before[0], k), after(before[1], v)
        mask = torch.ones(length, count + length, dtype=torch.bool, device=x.device).tril(count).expand(len(x), 1, -1, -1)
        keys = after(keys_before, self.indexer.keys(seen, cos, sin))
        scores = self.indexer(seen, q_latent.detach(), keys, cos, sin).masked_fill(~mask[:, 0], float("-inf"))
        if run.indexer_loss:
            run.add_indexer_loss(scores, q, k, mask, valid, self.config.index_topk)
        if run.sparse and k.shape[2] > self.config.index_topk:
            mask = mask & selected(scores.detach(), self.config.index_topk)[:, None]
        return attention(q, k, v, mask)

    def _selector(self, x, q_latent, cos, sin):
        """Of a block of queries, the keys that the indexer chooses; None where there is nothing to choose."""
        count = self.config.index_topk
        with torch.no_grad():
            keys = self.indexer.keys(x, cos, sin)

        @torch.no_grad()
        def select(begin, end):
            if end <= count:
                return None
            block = slice(begin, end)
            scores = self.indexer(x[:, block], q_latent[:, block], keys[:, :end], cos[:, block], sin[:, block])
            seen = torch.ones(end - begin, end, dtype=torch.bool, device=x.device).tril(begin)
            return nearly_selected(scores.masked_fill(~seen, float("-inf")), count) & seen
        return select

    def _attend_groups(self, x, cos, sin, q, k, v, q_latent, groups, run):
        """Every document by itself, those of like length together: the cost goes with their length squared."""
        def flat(t):  # [B, H, T, D] -> [B * T, H, D]
            return t.transpose(1, 2).flatten(0, 1)
        fq, fk, fv, fx, fl, fc, fs = flat(q), flat(k), flat(v), x.flatten(0, 1), q_latent.flatten(0, 1), cos.flatten(0, 1), sin.flatten(0, 1)
        indexed = run.sparse or run.indexer_loss
        parts, places = [], []
        for group in groups:
            take = lambda t: t.index_select(0, group.index.flatten()).view(*group.index.shape, *t.shape[1:])
            heads = [take(t).transpose(1, 2) for t in (fq, fk, fv)]
            before = [t.index_select(0, group.prefix)[None].transpose(1, 2) for t in (fk, fv)] if group.prefix is not None else None
            if before and not indexed:
                out = branch_attention(*heads, *before)
            else:
                extra = [take(t) for t in (fx, fc, fs, fl)] if indexed else [None] * 4
                if before:
                    seen = [t.index_select(0, group.prefix)[None] for t in (fx.detach(), fc, fs)]
                    out = self._attend_branches(*extra[:3], *heads, extra[3], before, self.indexer.keys(*seen), group.valid, run)
                else:
                    out = self._attend(*extra[:3], *heads, extra[3], None, group.valid, run)
            parts.append(out.transpose(1, 2).flatten(0, 1)[group.kept])
            places.append(group.places)
        total = fv.new_zeros(fv.shape).index_copy(0, torch.cat(places), torch.cat(parts).to(fv.dtype))
        return total.view(*x.shape[:2], *total.shape[1:]).transpose(1, 2)


class MLP(nn.Module):
    def __init__(self, hidden, inner):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = linear(hidden, inner), linear(hidden, inner), linear(inner, hidden)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Gate(nn.Module):
    """Sigmoid scores; the bias chooses only, the weights of the chosen are unbiased."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.weight = nn.Parameter(torch.empty(config.n_routed_experts, config.hidden_size))
        self.register_buffer("e_score_correction_bias", torch.zeros(config.n_routed_experts))
        self.register_buffer("load", torch.zeros(config.n_routed_experts), persistent=False)
        self.reads = None  # how often each token counts in the load; None: once

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
            scores = F.linear(x.float(), self.weight.float()).sigmoid()
        chosen = (scores + self.e_score_correction_bias).topk(self.config.num_experts_per_tok, -1).indices
        weights = scores.gather(-1, chosen)
        weights = weights / (weights.sum(-1, keepdim=True) + 1e-20) * self.config.routed_scaling_factor
        if self.training and torch.is_grad_enabled():
            times = None if self.reads is None else self.reads[:, None].expand_as(chosen).flatten()
            self.load += torch.bincount(chosen.flatten(), times, minlength=self.config.n_routed_experts)
        return chosen, weights


class MoE(nn.Module):
    """Tokens sorted by expert into one padded batch, so that all experts are two batched products."""

    def __init__(self, config):
        super().__init__()
        self.config = c = config
        self.gate = Gate(config)
        self.gate_up = nn.Parameter(torch.empty(c.n_routed_experts, c.hidden_size, 2 * c.moe_intermediate_size))
        self.down = nn.Parameter(torch.empty(c.n_routed_experts, c.moe_intermediate_size, c.hidden_size))
        self.shared_experts = MLP(c.hidden_size, c.moe_intermediate_size * c.n_shared_experts)
        self.rounded = {}  # by name: the values to compute with, see rounding.py

    def _weight(self, name, dtype):
        weight = getattr(self, name)
        if name in self.rounded:
            weight = weight + (self.rounded[name] - weight).detach()
        return weight.to(dtype)

    def forward(self, x):
        c = self.config
        flat = x.reshape(-1, c.hidden_size)
        chosen, weights = self.gate(flat)
        experts = chosen.flatten()
        order = experts.argsort(stable=True)
        counts = torch.bincount(experts, minlength=c.n_routed_experts)
        capacity = int(counts.max())
        within = torch.arange(len(order), device=x.device) - (counts.cumsum(0) - counts)[experts[order]]
        slot = experts[order] * capacity + within  # where each sorted token stands in the padded batch
        token = order // c.num_experts_per_tok
        dtype = compute_type(flat)
        rows = flat.to(dtype).index_select(0, token)
        padded = rows.new_zeros(c.n_routed_experts * capacity, c.hidden_size).index_copy(0, slot, rows)
        gate, up = torch.bmm(padded.view(c.n_routed_experts, capacity, -1), self._weight("gate_up", dtype)).chunk(2, -1)
        out = torch.bmm(F.silu(gate) * up, self._weight("down", dtype)).view(-1, c.hidden_size).index_select(0, slot)
        out = out * weights.flatten()[order, None].to(dtype)
        total = self.shared_experts(flat)
        return total.index_add(0, token, out.to(total.dtype)).view_as(x)


class Layer(nn.Module):
    def __init__(self, config, dense):
        super().__init__()
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mlp = MLP(config.hidden_size, config.intermediate_size) if dense else MoE(config)

    def forward(self, x, cos, sin, mask, run):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask, run)
        return x + self.mlp(self.post_attention_layernorm(x))


class Mtp(nn.Module):
    """Predicts one token further: from the hidden state at t and the embedding of token t + 1."""

    def __init__(self, config):
        super().__init__()
        self.enorm, self.hnorm = RMSNorm(config.hidden_size), RMSNorm(config.hidden_size)
        self.eh_proj = linear(2 * config.hidden_size, config.hidden_size)
        self.layer = Layer(config, dense=config.first_k_dense_replace >= config.num_hidden_layers)
        self.norm = RMSNorm(config.hidden_size)

    def forward(self, hidden, following, cos, sin, mask, run):
        x = self.eh_proj(torch.cat((self.enorm(following), self.hnorm(hidden)), -1))
        return self.norm(self.layer(x, cos, sin, mask, run))


class Run:
    """How a forward pass goes, and what it leaves behind."""

    def __init__(self, sparse=False, indexer_loss=False, cache=None):
        self.sparse, self.indexer_loss, self.cache = sparse, indexer_loss, cache
        self.losses, self.recalls = [], []
        self.points, self.told, self.pointed, self.states = {}, {}, {}, {}

    def point(self, model, points):
        """The pass will leave in `pointed` how far the heads are from what `points` ({hop: [Points]}) want, and in `states`
        the hidden states [B, T, D] behind each hop's layer."""
        self.points = points
        for hop, (layer, head) in pointing.heads(model.config).items():
            if points[hop]:
                self.told.setdefault(model.layers[layer].self_attn, []).append((hop, head))

    def add_indexer_loss(self, scores, q, k, mask, valid, topk):
        """KL from the head-summed attention to the softmax of the scores; and its mass in the top k."""
        with torch.no_grad(), torch.autocast(q.device.type, enabled=False):
            logits = (q.float() @ k.float().transpose(-1, -2)) * q.shape[-1] ** -0.5
            target = logits.masked_fill(~mask, float("-inf")).softmax(-1).sum(1)
            target = target / target.sum(-1, keepdim=True)
            mass = (target * selected(scores, min(topk, scores.shape[-1]))).sum(-1)
            valid = torch.ones_like(mass, dtype=torch.bool) if valid is None else valid
            deep = (mask[:, 0].sum(-1) > topk) & valid  # elsewhere all is selected
            if bool(deep.any()):
                self.recalls.append(mass[deep].mean())
        guess = scores.log_softmax(-1).masked_fill(~mask[:, 0], 0)
        self.losses.append((target * (target.clamp_min(1e-12).log() - guess)).sum(-1)[valid].mean())


def block_mask(documents):
    """[B, 1, T, T] of document numbers [B, T]: causal, and never across documents."""
    same = documents[:, None, :, None] == documents[:, None, None, :]
    length = documents.shape[1]
    return same & torch.ones(length, length, dtype=torch.bool, device=documents.device).tril()


class Group:
    """Spans of packed rows that attend together, padded at their ends: documents of like length; or, with
    `prefix`, continuations of one document, which all see it and none of which sees another."""

    def __init__(self, spans, length, device, prefix=None):
        """spans, prefix: (first token, number of tokens) in the flattened rows."""
        column = torch.arange(length)
        first = torch.tensor([s for s, _ in spans])[:, None]
        count = torch.tensor([n for _, n in spans])[:, None]
        valid = column < count
        index = torch.where(valid, first + column, first)
        self.index, self.valid = index.to(device), valid.to(device)
        self.kept = valid.flatten().nonzero()[:, 0].to(device)
        self.places = index.flatten()[valid.flatten()].to(device)
        self.prefix = torch.arange(prefix[0], sum(prefix)).to(device) if prefix else None


_LENGTHS = (32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096)


def group_documents(spans, device="cpu"):
    """spans: (first token, number of tokens of the document, numbers of tokens of its continuations if any)"""
    by_length, continued = {}, []
    for first, count, *branches in spans:
        by_length.setdefault(next(n for n in _LENGTHS if n >= count), []).append((first, count))
        if branches and branches[0]:
            begins = [first + count + sum(branches[0][:i]) for i in range(len(branches[0]))]
            continued.append(Group(list(zip(begins, branches[0])), max(branches[0]), device, (first, count)))
    return [Group(members, length, device) for length, members in sorted(by_length.items())] + continued


class Pocket(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config, i < config.first_k_dense_replace) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.mtp = Mtp(config)
        self.apply(self._init)

    def _init(self, module):
        std = self.config.initializer_range
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=std)
        elif isinstance(module, MoE):
            nn.init.normal_(module.gate_up, std=std)
            nn.init.normal_(module.down, std=std / math.sqrt(2 * self.config.num_hidden_layers))
        elif isinstance(module, Gate):
            nn.init.normal_(module.weight, std=std)

    def gates(self):
        return [m for m in self.modules() if isinstance(m, Gate)]

    def count_reads(self, reads):
        """From now on each token of a batch counts `reads` times ([B, T], or None: once) in the experts' load."""
        for gate in self.gates():
            gate.reads = None if reads is None else reads.flatten()

    def indexer_parameters(self):
        return [p for name, p in self.named_parameters() if ".indexer." in name]

    def hidden(self, ids, positions=None, documents=None, run=None, mask=None):
        """Final hidden states [B, T, D] after the last norm, with what MTP needs of the pass.

        `mask`: [B, 1, T, S], or the Groups of packed rows; else it is made of `documents`, or causal.
        """
        run = run or Run()
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        if mask is None:
            mask = block_mask(torch.zeros_like(ids) if documents is None else documents)
        cos, sin = rope_tables(positions, self.config)
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, cos, sin, mask, run)
            run.states.update((hop, x) for hop, _ in run.told.get(layer.self_attn, ()))
        return self.norm(x), (cos, sin, mask)

    def logits(self, ids, **options):
        return F.linear(self.hidden(ids, **options)[0], self.embed_tokens.weight)

    def mtp_hidden(self, hidden, following, context):
        """`hidden` after the main model's last norm, as engines feed published MTP layers; `following`: the
        token after each position. Attention is dense: the layer only drafts."""
        cos, sin, mask = context
        return self.mtp(hidden, self.embed_tokens(following), cos, sin, mask, Run())


class _ChunkedLoss(torch.autograd.Function):
    """Weighted cross-entropy over tied embeddings, a chunk of rows at a time, gradients included.

    The logits of a batch would be tens of times larger than all other activations.
    """

    @staticmethod
    def forward(ctx, x, weight, targets, weights, rows):
        dtype = compute_type(x)
        table = weight.to(dtype)
        loss, correct = x.new_zeros((), dtype=torch.float), x.new_zeros((), dtype=torch.float)
        grad_x, grad_w = torch.empty_like(x), torch.zeros_like(weight, dtype=torch.float)
        total = weights.sum().clamp_min(1e-6)
        with torch.autocast(x.device.type, enabled=False):
            for begin in range(0, len(x), rows):
                part = slice(begin, begin + rows)
                h, target, share = x[part].to(dtype), targets[part], (weights[part] / total)
                grad = F.linear(h, table).float()
                best, top = grad.max(-1)
                said = grad.gather(-1, target[:, None])[:, 0]
                total_of_row = grad.sub_(best[:, None]).exp_().sum(-1)
                loss += ((total_of_row.log() + best - said) * share).sum()
                correct += ((top == target) * share).sum()
                grad.mul_((share / total_of_row)[:, None])
                grad.scatter_add_(-1, target[:, None], -share[:, None])
                grad = grad.to(dtype)
                grad_x[part] = (grad @ table).to(x.dtype)
                grad_w += grad.t() @ h
        ctx.save_for_backward(grad_x, grad_w.to(weight.dtype))
        ctx.mark_non_differentiable(correct)
        return loss, correct

    @staticmethod
    def backward(ctx, grad_loss, _):
        grad_x, grad_w = ctx.saved_tensors
        return grad_x * grad_loss.to(grad_x.dtype), grad_w * grad_loss.to(grad_w.dtype), None, None, None


def language_loss(x, embedding, targets, weights, rows=512):
    """(loss, share of right guesses), both weighted means. x: [N, D] after the norm. Rows of weight 0 cost nothing."""
    keep = weights > 0
    if not bool(keep.all()):
        x, targets, weights = x[keep], targets[keep], weights[keep]
    return _ChunkedLoss.apply(x, embedding, targets, weights.float(), rows)


def parameter_counts(model):
    """(total, active per token), embeddings counted once, MTP not counted."""
    c = model.config
    total = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("mtp."))
    idle = sum(m.gate_up.numel() + m.down.numel() for layer in model.layers for m in layer.modules() if isinstance(m, MoE))
    return total, total - idle * (c.n_routed_experts - c.num_experts_per_tok) // c.n_routed_experts
