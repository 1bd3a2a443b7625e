"""Training that knows what quantisation will do: experts compute with the 4-bit values they will be shipped with.

The gradient passes to the weights as if nothing had been rounded (straight through), so that weights settle
where rounding costs least. Blocks and codebook are those of quantise.py.
"""

import numpy as np
import torch

from . import quantise
from .model import MoE

KIND = quantise.TYPES["iq4_nl"]
# Steps. The scales move slowly and their search is slow (an eighth of the training time, every 25 steps); in between, each
# follows its block by least squares over the codes that it has.
SEARCH_EVERY, FOLLOW_EVERY = 400, 10


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
                if step % SEARCH_EVERY == 0 or key not in self.scales:
                    values = blocks.float().cpu().numpy()
                    scale, _ = quantise.fit_scale(values, np.ones_like(values), quantise.CODEBOOKS[KIND])
                    self.scales[key] = torch.from_numpy(scale).to(weight.device)[:, None]
                scale = self.scales[key]
                values = self._nearest(blocks, scale)
                if step % FOLLOW_EVERY == 0:
                    fitted = (blocks * values).sum(1, keepdim=True) / (values * values).sum(1, keepdim=True).clamp_min(1e-30)
                    scale = self.scales[key] = fitted.half().float()
                    values = self._nearest(blocks, scale)
                rounded = (values * scale).view(experts, outputs, inputs).transpose(1, 2)
                module.rounded[name] = rounded.contiguous()

    def _nearest(self, blocks, scale):
        """Entries of the codebook."""
        return self.codebook[torch.bucketize(torch.where(scale == 0, 0, blocks / scale), self.bounds)]

    def remove(self):
        for module in self.experts:
            module.rounded.clear()
