"""Muon for matrices, AdamW for the rest, gradients summed over processes."""

import math

import torch
import torch.distributed as dist


def orthogonalise(g):
    """Newton-Schulz iteration of Muon (Jordan et al., 2024) on a batch of matrices."""
    x = g.bfloat16() if g.is_cuda else g
    wide = x.shape[-2] <= x.shape[-1]
    if not wide:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return (x if wide else x.mT).float()


class Optimizer:
    """muon_lr 0: AdamW for everything. `train(name)` says which parameters move."""

    def __init__(self, model, muon_lr: float, adam_lr: float, decay: float = 0.02, train=lambda name: True):
        self.groups, adam = {}, []
        for name, p in model.named_parameters():
            name = name.replace("/", ".")
            p.requires_grad_(train(name))
            if not p.requires_grad:
                continue
            if muon_lr and p.ndim == 2 and "auxiliary" not in name and "embed" not in name:
                k = 3 if "qkv" in name else 1
                self.groups.setdefault((p.shape[0] // k, p.shape[1]), []).append((p, k))
            else:
                adam.append(p)
        self.parameters = [p for g in self.groups.values() for p, _ in g] + adam
        device = self.parameters[0].device
        self.buffers = {s: torch.zeros(sum(k for _, k in g), *s, device=device) for s, g in self.groups.items()}
        self.rate = torch.ones((), device=device)  # of the learning rates; on the device, so that a captured step can be replayed with another
        cuda = device.type == "cuda"
        self.adam = torch.optim.AdamW(
            adam, lr=torch.tensor(adam_lr, device=device), betas=(0.9, 0.95), weight_decay=0.0, fused=cuda, foreach=False, capturable=cuda
        )
        self.muon_lr, self.adam_lr, self.decay = muon_lr, adam_lr, decay

    def state(self) -> dict:
        """What `restore` takes."""
        return {"adam": self.adam.state_dict(), "buffers": self.buffers}

    def restore(self, state: dict) -> None:
        """Goes on where another run stopped."""
        # only the moments: how AdamW runs (fused, capturable, its rate's tensor) is this machine's
        self.adam.load_state_dict({"state": state["adam"]["state"], "param_groups": self.adam.state_dict()["param_groups"]})
        for s, b in state["buffers"].items():
            self.buffers[s].copy_(b)

    def step(self, scale: float, clip: float = 1.0) -> torch.Tensor:
        """One step at `scale` times the learning rates; returns the gradient's norm. Gradients stay allocated and are zero afterwards."""
        for p in self.parameters:
            if p.grad is None:
                p.grad = torch.zeros_like(p)
        if dist.is_initialized():
            flat = torch.cat([p.grad.flatten() for p in self.parameters])
            dist.all_reduce(flat)
            flat /= dist.get_world_size()
            at = 0
            for p in self.parameters:
                p.grad.copy_(flat[at:at + p.numel()].view_as(p))
                at += p.numel()
        self.rate.fill_(scale)
        return self.update(clip)

    @torch.no_grad()
    def update(self, clip: float = 1.0) -> torch.Tensor:
        """`step` at the rate in `self.rate`, with work on the device alone: a CUDA graph may hold it."""
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, clip)
        for g in self.adam.param_groups:
            g["lr"].copy_(self.rate * self.adam_lr)
        self.adam.step()
        rate = self.rate * self.muon_lr
        for s, g in self.groups.items():
            grad = torch.cat([p.grad.view(k, *s) for p, k in g])
            b = self.buffers[s]
            b.mul_(0.95).add_(grad)
            update = orthogonalise(grad + 0.95 * b) * (rate * (-0.2 * math.sqrt(max(s))))
            parts, at = [], 0
            for p, k in g:
                parts.append(update[at:at + k].reshape(p.shape))
                at += k
            torch._foreach_mul_([p.data for p, _ in g], 1 - rate * self.decay)
            torch._foreach_add_([p.data for p, _ in g], parts)
        torch._foreach_zero_([p.grad for p in self.parameters])
        return norm
