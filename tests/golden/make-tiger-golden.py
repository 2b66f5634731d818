"""Golden values of TIGER's network: transformers' T5ForConditionalGeneration with tiny random weights, in double.

    python3 make-tiger-golden.py tiger.safetensors      (torch, transformers, safetensors)

Weights carry their names in transformers, behind "w."; gradients of the mean loss the same behind "g.".  The loss takes the softmax
of a position over the codes of its level, as GRID does.
"""
import sys
import torch
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration

SIZES, HISTORIES, TARGETS = (5, 4, 3), ((2, 30), (1, 4), (7, 9)), ((1, 2, 0), (4, 3, 2), (0, 0, 1))
CODES = sum(SIZES)
START, FIRST = CODES, [sum(SIZES[:level]) for level in range(3)]

torch.manual_seed(5)
config = T5Config(
    vocab_size=CODES + 2, d_model=12, d_kv=5, d_ff=20, num_layers=2, num_decoder_layers=2, num_heads=3, dropout_rate=0.0,
    feed_forward_proj="relu", tie_word_embeddings=False, decoder_start_token_id=START, pad_token_id=START,
    relative_attention_num_buckets=32, relative_attention_max_distance=128)
model = T5ForConditionalGeneration(config).eval()
model.lm_head = torch.nn.Linear(12, CODES, bias=False)  # a head of its own, as in GRID
model.double()
for name, parameter in model.named_parameters():
    noise = torch.randn_like(parameter)
    parameter.data = 1 + 0.2 * noise if "norm" in name else 0.5 * noise

tensors, offsets, tokens, total = {}, [0], [], 0.0
generator = torch.Generator().manual_seed(9)
for history, target in zip(HISTORIES, TARGETS):
    sequence = torch.randint(0, CODES + 2, (1, history[1] * 3), generator=generator)
    decoder = torch.tensor([[START] + [FIRST[level] + target[level] for level in range(2)]])
    out = model(input_ids=sequence, decoder_input_ids=decoder, output_hidden_states=True)
    case = str(len(offsets) - 1)
    tensors["encoded." + case] = out.encoder_last_hidden_state[0].detach()
    scores = out.decoder_hidden_states[-1][0] @ model.lm_head.weight.T  # T5 would scale it, were it tied to the embedding
    tensors["logits." + case] = scores.detach()
    for level in range(3):
        logits = scores[level, FIRST[level]:FIRST[level] + SIZES[level]]
        total = total + torch.nn.functional.cross_entropy(logits[None], torch.tensor([target[level]]))
    tokens += sequence[0].tolist()
    offsets.append(len(tokens))
loss = total / 9
loss.backward()
tensors["loss"] = loss.detach()[None]
state = dict(model.named_parameters())
for name, parameter in state.items():
    value = parameter if parameter.dim() == 2 else parameter[None]
    gradient = parameter.grad if parameter.dim() == 2 else parameter.grad[None]
    tensors["w." + name], tensors["g." + name] = value.detach(), gradient
tensors = {name: value.to(torch.float32).contiguous().clone() for name, value in tensors.items()}
tensors["tokens"] = torch.tensor(tokens, dtype=torch.int32)
tensors["offsets"] = torch.tensor(offsets, dtype=torch.int32)
tensors["targets"] = torch.tensor(TARGETS, dtype=torch.int32)
save_file(tensors, sys.argv[1])
