"""Several processes train one model, each on samples of its own: one per core of a CPU, or per GPU.

    torchrun --nproc-per-node 2 -m pocket.train --threads 1 ...

Started without torchrun there is one rank and nothing here costs anything.
"""

import os

import torch
import torch.distributed as dist


class Ranks:
    def __init__(self):
        self.rank, self.count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if self.count > 1 and not dist.is_initialized():
            dist.init_process_group("gloo")

    def close(self):
        """At the end, on every rank: one that leaves while another still listens takes that one down."""
        if self.count > 1:
            dist.barrier()
            dist.destroy_process_group()

    @property
    def first(self):
        return self.rank == 0

    def average_gradients(self, parameters):
        """Of parameters that have a gradient on any rank; all ranks give the same ones in the same order."""
        if self.count == 1:
            return
        parameters = list(parameters)
        present = torch.tensor([p.grad is not None for p in parameters], dtype=torch.float)
        flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten().cpu() for p in parameters])
        dist.all_reduce(present)
        dist.all_reduce(flat)
        flat /= self.count
        for parameter, there, part in zip(parameters, present, flat.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = part.view_as(parameter).to(parameter.device) if there > 0 else None

    def sum_(self, tensor):
        """In place."""
        if self.count > 1:
            total = tensor.cpu()
            dist.all_reduce(total)
            tensor.copy_(total)

    def any(self, flag):
        if self.count == 1:
            return flag
        votes = torch.tensor([float(flag)])
        dist.all_reduce(votes)
        return votes.item() > 0

    def gather(self, value):
        """The values of all ranks, on every rank."""
        if self.count == 1:
            return [value]
        values = [None] * self.count
        dist.all_gather_object(values, value)
        return values
