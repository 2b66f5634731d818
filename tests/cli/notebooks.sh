# notebooks.sh - what tests repeat that run a sweep and look at what a notebook shows of it; sourced after lib.sh.

notebooks=$PR_SOURCE_DIR/analysis

# small_model USERS ITEMS: for a manifest, the stages world, embed, sids and base of a model that trains in a second.
small_model () {
  cat <<END

[stage world]
uses = synthetic-world
n_users = $1
n_items = $2
n_categories = 6
n_brands = 4

[stage embed]
uses = item-embedder
dims = 16

[stage sids]
uses = sid-quantizer
sizes = 8,8
collisions = digit

[stage base]
uses = lm-pretrain
vocab = 400
layers = 1
hidden = 32
heads = 1
kv_heads = 1
ffn = 64
epochs = 1
END
}

# Skip the rest of the test where notebooks cannot be run.
need_notebooks () {
  test -x /usr/bin/jupyter-nbconvert && /usr/bin/python3 -c 'import h5py, pandas, matplotlib, ipykernel' 2> /dev/null && return
  test $failures -eq 0 || finish
  echo "no jupyter-nbconvert with h5py, pandas, matplotlib and ipykernel: apt-get install jupyter-nbconvert python3-ipykernel python3-h5py python3-pandas python3-matplotlib"
  exit 77
}

# execute NAME RESULTS: run analysis/NAME.ipynb on a results file; $tmp/executed/NAME.ipynb is what came of it.
execute () {
  cp "$notebooks/$1.ipynb" "$tmp/"
  env -u MPLBACKEND PAUSEREC_RESULTS="$2" PYTHONPATH="$notebooks" PYTHONDONTWRITEBYTECODE=1 HOME="$tmp" \
    PATH=/usr/bin:/bin jupyter-nbconvert --to notebook --execute --output-dir "$tmp/executed" "$tmp/$1.ipynb" > "$tmp/$1.log" 2>&1
  test -s "$tmp/executed/$1.ipynb" || { echo "FAIL: $1.ipynb:"; cat "$tmp/$1.log"; return 1; }
}

# judge ARGUMENTS... <<'PYTHON': a script that may import shown.py.
judge () { PYTHONPATH="$PR_SOURCE_DIR/tests/cli" PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 - "$@"; }
