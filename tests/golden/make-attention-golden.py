#!/usr/bin/env python3
"""Golden values of attention from Hugging Face transformers.

    make-attention-golden.py OUT

OUT is tests/golden, with the folders lm-<family> that make-lm-golden.py left there.  Written: attention-<family>.safetensors,
the probabilities of eager attention, [sequences, layers x heads, queries, keys], computed in float64.
Made with torch 2.6 and transformers 5.24.
"""
import os
import sys

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForCausalLM

for family in ["qwen3", "qwen2", "llama"]:
    tokens = load_file(os.path.join(sys.argv[1], f"lm-{family}.safetensors"))["tokens"][:2]
    model = AutoModelForCausalLM.from_pretrained(os.path.join(sys.argv[1], "lm-" + family), attn_implementation="eager").double()
    with torch.no_grad():
        attentions = model(torch.from_numpy(tokens.astype(np.int64)), output_attentions=True).attentions
    values = torch.stack(attentions, 1).float().numpy()
    assert values.shape == (2, 2, 4, 10, 10) and np.allclose(values.sum(-1), 1, atol=1e-6)
    values = np.ascontiguousarray(values.reshape(2, 8, 10, 10))
    save_file({"tokens": tokens, "attention": values}, os.path.join(sys.argv[1], f"attention-{family}.safetensors"))
