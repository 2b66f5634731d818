#!/usr/bin/env python3
"""Golden values for the RQ-VAE of plugins/sid-quantizer from PyTorch.

    make-rqvae-golden.py OUT

Written: OUT/rqvae.safetensors, a tiny model with one batch: its weights, the losses and chosen codes of three steps of AdamW,
the gradients of the first step and the weights after the third.  Computed in float64, so that the golden values carry no
rounding of their own; the starting weights are float32 numbers.  Made with torch 2.6.
"""
import os
import sys

import numpy as np
import torch
from safetensors.numpy import save_file

D, HIDDEN, LATENT, SIZES, ROWS = 6, [8, 5], 4, [5, 3], 7
STEPS, LR, DECAY, BETA = 3, 1e-2, 0.1, 0.25


def draw(*shape):
    return torch.randn(*shape).float().double()


def make_weights():
    weights = {}
    for net, widths in (("encoder", [D, *HIDDEN, LATENT]), ("decoder", [LATENT, *HIDDEN[::-1], D])):
        for l, (a, b) in enumerate(zip(widths, widths[1:])):
            weights[f"{net}.{l}.matrix"] = (draw(a, b) * (2 / a) ** 0.5).float().double()
            weights[f"{net}.{l}.bias"] = (draw(b) * 0.1).float().double()
    for l, size in enumerate(SIZES):
        weights[f"codes.{l}"] = (draw(size, LATENT) / (l + 1)).float().double()
    return {name: torch.nn.Parameter(w) for name, w in weights.items()}


def run(net, weights, x):
    n = len(HIDDEN) + 1
    for l in range(n):
        x = x @ weights[f"{net}.{l}.matrix"] + weights[f"{net}.{l}.bias"]
        x = torch.relu(x) if l + 1 < n else x
    return x


def loss_of(weights, x):
    z = run("encoder", weights, x)
    residual, total, chosen = z, torch.zeros_like(z), []
    codebook = commitment = 0
    for l in range(len(SIZES)):
        codes = weights[f"codes.{l}"]
        c = torch.cdist(residual, codes).argmin(1)
        chosen.append(c)
        codebook = codebook + torch.mean((residual.detach() - codes[c]) ** 2)
        commitment = commitment + torch.mean((residual - codes[c].detach()) ** 2)
        residual = residual - codes[c].detach()
        total = total + codes[c]
    straight = z + (total - z).detach()
    reconstruction = torch.mean((run("decoder", weights, straight) - x) ** 2)
    loss = reconstruction + codebook + BETA * commitment
    return loss, reconstruction, commitment, torch.stack(chosen)


def main():
    torch.manual_seed(4)
    weights, x = make_weights(), draw(ROWS, D)
    tensors = {"x": x.numpy().astype(np.float32)}
    tensors |= {"start." + n: w.detach().numpy().astype(np.float32) for n, w in weights.items()}
    decayed = [w for n, w in weights.items() if n.endswith("matrix")]
    others = [w for n, w in weights.items() if not n.endswith("matrix")]
    adamw = torch.optim.AdamW([{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0}], lr=LR)
    losses, chosen = [], []
    for step in range(STEPS):
        adamw.zero_grad()
        loss, reconstruction, commitment, codes = loss_of(weights, x)
        loss.backward()
        losses.append([reconstruction.item(), commitment.item(), loss.item()])
        chosen.append(codes.numpy().astype(np.int32))
        if step == 0:
            tensors |= {"grad." + n: w.grad.numpy().copy() for n, w in weights.items()}
        adamw.step()
    tensors |= {"end." + n: w.detach().numpy().copy() for n, w in weights.items()}
    tensors["losses"] = np.array(losses)
    tensors["chosen"] = np.stack(chosen)  # [steps, levels, rows]
    save_file({n: np.ascontiguousarray(t) for n, t in tensors.items()}, os.path.join(sys.argv[1], "rqvae.safetensors"))
    print("losses", losses, "chosen", chosen[0].tolist())


main()
