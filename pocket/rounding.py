"""Training that knows what quantisation will do: experts compute with the 4-bit values they will be shipped with.

The gradient passes to the weights as if nothing had been rounded (straight through), so that weights settle
where rounding costs least. Blocks and codebook are those of quantise.py.
"""

import numpy as np
import torch

from . import quantise
from .model import MoE

KIND = quantise.TYPES["iq4_nl"]
REFIT_EVERY = 25  # steps: the scales move slowly, their search is slow


class Rounding:
    """Hooks itself into the model's experts; `update` before every step, `remove` at the end."""

    def __init__(self, model):
        self.experts = [m for m in model.modules() if isinstance(m, MoE)]
        codebook = torch.tensor(quantise.CODEBOOKS[KIND])
        device = model.embed_tokens.weight.device
        self.codebook, self.bounds = codebook.to(device), ((codebook[1:] + codebook[:-1]) / 2).to(device)
        self.scales = {}  # by (number of the module, name): [blocks, 1]

    @torch.no_grad()
    def update(self, step=0):
        for number, module in enumerate(self.experts):
            for name in ("gate_up", "down"):
                weight = getattr(module, name)  # [E, inputs, outputs]: blocks run along the inputs
                experts, inputs, outputs = weight.shape
                blocks = weight.transpose(1, 2).reshape(-1, quantise.BLOCK)
                key = (number, name)
                if step % REFIT_EVERY == 0 or key not in self.scales:
                    values = blocks.float().cpu().numpy()
                    scale, _ = quantise.fit_scale(values, np.ones_like(values), quantise.CODEBOOKS[KIND])
                    self.scales[key] = torch.from_numpy(scale).to(weight.device)[:, None]
                scale = self.scales[key]
                codes = torch.bucketize(torch.where(scale == 0, 0, blocks / scale), self.bounds)
                rounded = (self.codebook[codes] * scale).view(experts, outputs, inputs).transpose(1, 2)
                module.rounded[name] = rounded.contiguous()

    def remove(self):
        for module in self.experts:
            module.rounded.clear()
