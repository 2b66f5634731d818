#!/usr/bin/env python3
"""Does transformers read FOLDER, written by check-golden --write FAMILY FOLDER, as GOLDEN says?

    check-lm-folder.py FAMILY FOLDER GOLDEN

Model class, logits, and the ids of a text by AutoTokenizer and by tokenizers itself.
"""
import sys

import numpy as np
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

TOLERANCE = 1e-5  # of the largest logit: the model runs in float32 here
TEXT = "Hello <think> w\u00f6rld</think>, 12 345!\n"

family, folder, golden = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder)
assert type(model).__name__.lower() == family + "forcausallm", type(model)
values = load_file(golden)
with torch.no_grad():
    logits = model(torch.from_numpy(values["tokens"].astype(np.int64))).logits.numpy()
worst = np.abs(logits - values["logits"]).max() / np.abs(values["logits"]).max()
assert worst < TOLERANCE, worst
ids = AutoTokenizer.from_pretrained(folder)(TEXT, add_special_tokens=False).input_ids
assert ids == Tokenizer.from_file(folder + "/tokenizer.json").encode(TEXT).ids, ids
print("%s: logits agree to %.1e" % (family, worst))
