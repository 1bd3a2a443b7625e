"""Muon (Jordan 2024): the momentum of every hidden matrix, orthogonalised, is the step.

Steps are scaled to the size of AdamW's (Liu et al. 2025, Moonlight: 0.2 sqrt(max of the dimensions)), so that
both optimizers share rates and decay. Matrices of all experts of a layer are one batch.
"""

import torch


def orthogonalise(matrices, steps=5):
    """The nearest matrices with orthonormal rows or columns, nearly: singular values in about [0.7, 1.2]."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16() if matrices.is_cuda else matrices  # f32 takes half the time of bf16 on a CPU (measured)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """For parameters of two dimensions, or three: a batch of matrices."""

    def __init__(self, parameters, lr, momentum=0.95, weight_decay=0.1):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["momentum"] = torch.zeros_like(parameter)
                buffer = state["momentum"]
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(buffer, group["momentum"])  # Nesterov's
                step = orthogonalise(ahead)
                scale = 0.2 * max(parameter.shape[-2:]) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(step, alpha=-group["lr"] * scale)
