"""What torch calls otherwise before 2.4: Debian 12 has 1.13, and the miniature of the recipe runs there too."""

import torch
import torch.nn.functional as F

RECENT = hasattr(torch, "get_autocast_dtype")
# AdamW in one pass over all parameters; on CPUs since 2.4.
ADAM_OPTIONS = {"fused": True} if RECENT else {}
# Of a file nothing but tensors and plain values; the unpickler of 1.13 knows no floating-point numbers.
LOAD_OPTIONS = {"weights_only": True} if RECENT else {}


def autocast_type(device):
    """The type that products compute with on this kind of device, or None outside of autocast."""
    if RECENT:
        return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
    if device == "cuda":
        return torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled() else None
    return torch.get_autocast_cpu_dtype() if torch.is_autocast_cpu_enabled() else None


def attention(q, k, v, mask=None, is_causal=False):
    """Softmax of q k^T / sqrt(d) where `mask` is true, times v."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=is_causal)
    scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
    if is_causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(-1).to(v.dtype) @ v
