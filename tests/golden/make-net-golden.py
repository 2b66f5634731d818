#!/usr/bin/env python3
"""Golden values for the tape of framework/net from PyTorch.

    make-net-golden.py OUT

Written: OUT/net.safetensors.  Case C has its weights as "C.w.NAME", its inputs as "C.in.NAME", its outputs as
"C.out.NAME", and as "C.grad.NAME" the gradients of its loss or of a sum of y weighted by "C.in.c".  Computed in float64
from float32 numbers.  Made with torch 1.13.  The buckets of relative positions are those of Raffel et al. 2020, written
anew.
"""
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

out = {}


def draw(*shape, scale=1.0):
    return (torch.randn(*shape) * scale).float().double()


def case(name, weights, inputs, f):
    """f(weights, inputs) -> dict of outputs; "y" is weighted by c, "loss" is differentiated as it is."""
    weights = {n: torch.nn.Parameter(w) for n, w in weights.items()}
    results = f(weights, inputs)
    if "loss" in results:
        total = results["loss"]
    else:
        inputs = dict(inputs, c=draw(*results["y"].shape))
        total = (results["y"] * inputs["c"]).sum()
    total.backward()
    for n, w in weights.items():
        out[f"{name}.w.{n}"] = w.detach().numpy().astype(np.float32).reshape(-1, w.shape[-1])
        out[f"{name}.grad.{n}"] = w.grad.numpy().reshape(-1, w.shape[-1])
    for n, x in inputs.items():
        out[f"{name}.in.{n}"] = x.numpy().astype(np.int32 if x.dtype == torch.int64 else np.float32)
    for n, y in results.items():
        out[f"{name}.out.{n}"] = np.atleast_1d(y.detach().numpy())


def bucket(relative, causal, n_buckets, max_distance):
    """relative = key place - query place."""
    first = torch.zeros_like(relative)
    n = -relative
    if not causal:
        n_buckets //= 2
        first = (n < 0).long() * n_buckets
        n = n.abs()
    else:
        n = n.clamp(min=0)
    exact = n_buckets // 2
    far = exact + (torch.log(n.float().clamp(min=1) / exact) / math.log(max_distance / exact) * (n_buckets - exact)).long()
    return first + torch.where(n < exact, n, far.clamp(max=n_buckets - 1))


def attention(q, k, v, heads, q_off, k_off, causal, scale=None, bias=None, max_distance=20):
    ys = []
    for s in range(len(q_off) - 1):
        qs, ks, vs = (x[o[s]:o[s + 1]].reshape(int(o[s + 1] - o[s]), heads, x.shape[1] // heads).transpose(0, 1)
                      for x, o in ((q, q_off), (k, k_off), (v, k_off)))
        nq, nk = qs.shape[1], ks.shape[1]
        if nk == 0:
            ys.append(torch.zeros(nq, v.shape[1], dtype=torch.float64))
            continue
        scores = qs @ ks.transpose(1, 2) * (scale if scale is not None else qs.shape[2] ** -0.5)
        relative = torch.arange(nk)[None] - torch.arange(nq)[:, None]
        if bias is not None:
            scores = scores + bias[bucket(relative, causal, bias.shape[0], max_distance)].permute(2, 0, 1)
        if causal:
            scores = scores.masked_fill(relative > 0, -math.inf)
        ys.append((torch.softmax(scores, -1) @ vs).transpose(0, 1).reshape(nq, -1))
    return torch.cat(ys)


def gru(w, i):
    """What torch.nn.GRU(batch_first=True) calls with its weights."""
    off, h = i["offsets"], w["w_hh"].shape[1]
    flat = [w["w_ih"], w["w_hh"], w["b_ih"][0], w["b_hh"][0]]
    ys = [torch._VF.gru(w["x"][off[s]:off[s + 1]][None], torch.zeros(1, 1, h).double(), flat, True, 1, 0.0, False, False, True)
          [0][0] for s in range(len(off) - 1) if off[s] < off[s + 1]]
    return {"y": torch.cat(ys)}


def mixture(w, i):
    x = w["x"]
    a = F.layer_norm(x, x.shape[1:], w["ln"][0], w["ln_b"][0], 1e-5)
    parts = [F.relu(a), F.gelu(a), F.silu(a), torch.sigmoid(a), torch.tanh(a), F.elu(a)]
    y = torch.cat(parts, 1) @ w["w"].T + w["b"][0]
    y = y * x + w["b2"] * y
    return {"y": y * torch.rsqrt((y * y).mean(1, keepdim=True) + 1e-6) * w["rms"][0]}


def softmax(w, i):
    t = i["targets"]
    has = t >= 0
    logits = w["x"] @ w["table"].T + w["bias"][0]
    losses = F.cross_entropy(logits[has], t[has], reduction="none")
    return {"loss": (losses * i["weights"][has]).sum() * 0.25, "losses": losses}


def binary(w, i):
    scores = (w["x"][:, None] * w["table"][i["index"]]).sum(-1) + w["bias"][0][i["index"]]
    return {"loss": F.binary_cross_entropy_with_logits(scores, i["labels"], i["weights"], reduction="sum") * 0.5}


def main():
    torch.manual_seed(7)
    n = 10
    case("mixture", {"x": draw(9, n, scale=2), "ln": draw(1, n), "ln_b": draw(1, n), "w": draw(n, 6 * n, scale=0.2),
                     "b": draw(1, n), "b2": draw(1, n), "rms": draw(1, n)}, {}, mixture)
    off = torch.tensor([0, 3, 4, 4, 12, 14])
    h, d = 7, 5
    case("gru", {"x": draw(14, d), "w_ih": draw(3 * h, d, scale=0.5), "w_hh": draw(3 * h, h, scale=0.5),
                 "b_ih": draw(1, 3 * h, scale=0.5), "b_hh": draw(1, 3 * h, scale=0.5)}, {"offsets": off}, gru)
    q_off, k_off = torch.tensor([0, 30, 31, 34]), torch.tensor([0, 45, 45, 52])
    heads = 2
    case("full", {"q": draw(34, 10), "k": draw(34, 10), "v": draw(34, 6), "bias": draw(8, heads)}, {"q_offsets": q_off},
         lambda w, i: {"y": attention(w["q"], w["k"], w["v"], heads, q_off, q_off, False, 1.0, w["bias"])})
    case("causal", {"q": draw(34, 10), "k": draw(34, 10), "v": draw(34, 6), "bias": draw(8, heads)}, {"q_offsets": q_off},
         lambda w, i: {"y": attention(w["q"], w["k"], w["v"], heads, q_off, q_off, True, None, w["bias"])})
    case("cross", {"q": draw(34, 10), "k": draw(52, 10), "v": draw(52, 6)}, {"q_offsets": q_off, "k_offsets": k_off},
         lambda w, i: {"y": attention(w["q"], w["k"], w["v"], heads, q_off, k_off, False)})
    case("softmax", {"x": draw(6, 4), "table": draw(11, 4), "bias": draw(1, 11)},
         {"targets": torch.tensor([3, -1, 0, 10, 3, -1]), "weights": torch.rand(6).float().double()}, softmax)
    case("binary", {"x": draw(6, 4), "table": draw(11, 4), "bias": draw(1, 11)},
         {"index": torch.randint(0, 11, (6, 3)), "labels": (torch.rand(6, 3) < 0.5).double(),
          "weights": torch.rand(6, 3).float().double()}, binary)
    r = torch.arange(-200, 201)
    for causal in (False, True):
        out[f"buckets.{'causal' if causal else 'full'}"] = bucket(r, causal, 32, 128).numpy().astype(np.int32)
    save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, os.path.join(sys.argv[1], "net.safetensors"))


main()
