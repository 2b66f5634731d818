#!/bin/sh
# Folders that we write, opened by Hugging Face transformers, where there is one.  PR_PYTHON names the interpreter.
set -eu
source=${PR_SOURCE_DIR:-.}
build=${PR_BUILD_DIR:-.}
python=${PR_PYTHON:-python3}

if ! "$python" -c 'import numpy, safetensors, tokenizers, torch, transformers' 2>/dev/null; then
  echo "SKIP: check-transformers: $python has no torch and transformers; their logits are tested from golden values only"
  exit 77
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for family in qwen3 qwen2 llama; do
  "$build/tests/lm/check-golden" --write $family "$dir/$family"
  HF_HUB_OFFLINE=1 "$python" "$source/tests/golden/check-lm-folder.py" $family "$dir/$family" \
    "$source/tests/golden/ours-$family.safetensors"
done
