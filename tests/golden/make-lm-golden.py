#!/usr/bin/env python3
"""Golden values for framework/lm from PyTorch and Hugging Face transformers.

    make-lm-golden.py PROGRAM OUT

PROGRAM is the built tests/lm/check-golden, which writes our own folders; OUT is tests/golden.
Written: lm-<family>/ (a random tiny model as transformers saves it), lm-<family>.safetensors (logits, gradients and an
AdamW trajectory of that model) and ours-<family>.safetensors (logits that transformers gives for the folder that we write).
Everything is computed in float64, so that the golden values carry no rounding of their own.
Made with torch 2.6 and transformers 5.23.
"""
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, Qwen3Config

CONFIGS = {"qwen3": Qwen3Config, "qwen2": Qwen2Config, "llama": LlamaConfig}
VOCAB, LENGTH, N_EXAMPLES, BATCH, EPOCHS = 264, 10, 6, 2, 2
LR, WARMUP, MIN_LR, DECAY, BETAS, EPS = 3e-3, 0.3, 0.1, 0.1, (0.9, 0.95), 1e-6
CLIPS = {"qwen3": 3.5, "qwen2": 5.0, "llama": 4.0}  # some steps are clipped and some are not


def make_model(family):
    shape = dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
                 num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True, rms_norm_eps=1e-6,
                 bos_token_id=None, eos_token_id=None)
    if family == "qwen3":
        shape["head_dim"] = 6  # not hidden / heads: the two must not be mixed up
    model = AutoModelForCausalLM.from_config(CONFIGS[family](**shape), attn_implementation="eager")
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn_like(p) * (0.1 if p.dim() == 1 else 0.25) + (1.0 if "norm" in name else 0.0))
    return model


def examples(generator):
    tokens = generator.integers(0, VOCAB, (N_EXAMPLES, LENGTH)).astype(np.int32)
    loss = (generator.random((N_EXAMPLES, LENGTH)) < 0.6).astype(np.uint8)
    loss[:, -1] = 1
    return tokens, loss


def loss_of(model, tokens, loss):
    """Sum over the batch's positions with loss, divided by their number."""
    ids = torch.from_numpy(tokens.astype(np.int64))
    wanted = torch.from_numpy(loss[:, 1:].astype(bool))
    log_p = torch.log_softmax(model(ids).logits[:, :-1], -1)
    return -log_p.gather(-1, ids[:, 1:, None])[..., 0][wanted].mean()


def rate(step, total):
    warm = math.floor(WARMUP * total + 0.5)
    if step < warm:
        return LR * (step + 1) / (warm + 1)
    share = 0.5 * (1 + math.cos(math.pi * (step - warm) / (total - warm)))
    return LR * (MIN_LR + (1 - MIN_LR) * share)


def trajectory(model, tokens, loss, clip):
    named = dict(model.named_parameters())
    groups = [{"params": [p for p in named.values() if p.dim() == 2], "weight_decay": DECAY},
              {"params": [p for p in named.values() if p.dim() == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LR, betas=BETAS, eps=EPS)
    total, losses, norms, rates = EPOCHS * N_EXAMPLES // BATCH, [], [], []
    for step in range(total):
        at = step * BATCH % N_EXAMPLES
        for group in optimizer.param_groups:
            group["lr"] = rate(step, total)
        optimizer.zero_grad()
        value = loss_of(model, tokens[at:at + BATCH], loss[at:at + BATCH])
        value.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(named.values(), clip)))
        losses.append(value.item())
        rates.append(rate(step, total))
        optimizer.step()
    assert max(norms) > clip > min(norms), norms
    return losses, norms, rates


def numpy_of(tensor):
    return np.ascontiguousarray(tensor.detach().float().numpy())


def main():
    program, out = sys.argv[1:]
    for number, family in enumerate(CONFIGS):
        torch.manual_seed(number)
        generator = np.random.default_rng(number)
        folder = os.path.join(out, "lm-" + family)
        model = make_model(family)
        model.save_pretrained(folder)
        os.unlink(os.path.join(folder, "generation_config.json"))
        model = model.double()
        tokens, loss = examples(generator)
        golden = {"tokens": tokens, "loss": loss, "logits": numpy_of(model(torch.from_numpy(tokens[:2].astype(np.int64))).logits)}
        value = loss_of(model, tokens[:3], loss[:3])
        value.backward()
        golden["grad_loss"] = np.array([value.item()])
        for name, p in model.named_parameters():
            golden["grad." + name] = numpy_of(p.grad)
        losses, norms, rates = trajectory(model, tokens, loss, CLIPS[family])
        golden.update(clip=np.array([CLIPS[family]]), losses=np.array(losses), norms=np.array(norms), rates=np.array(rates))
        for name, p in model.named_parameters():
            golden["final." + name] = numpy_of(p)
        save_file(golden, os.path.join(out, "lm-%s.safetensors" % family))

        with tempfile.TemporaryDirectory() as ours:
            subprocess.run([program, "--write", family, ours], check=True)
            model = AutoModelForCausalLM.from_pretrained(ours, attn_implementation="eager").double()
            assert type(model).__name__.lower().startswith(family), type(model)
            ids = torch.from_numpy(tokens[:2].astype(np.int64))
            save_file({"tokens": tokens[:2], "logits": numpy_of(model(ids).logits)},
                      os.path.join(out, "ours-%s.safetensors" % family))


if __name__ == "__main__":
    main()
