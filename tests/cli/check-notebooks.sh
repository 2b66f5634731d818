#!/bin/bash
# The notebooks run from the first cell to the last on what the program wrote.
. "$(dirname "$0")/lib.sh"
test -x /usr/bin/jupyter-nbconvert && /usr/bin/python3 -c 'import h5py, pandas, matplotlib, ipykernel' 2> /dev/null || {
  echo "no jupyter-nbconvert with h5py, pandas, matplotlib and ipykernel: apt-get install jupyter-nbconvert python3-ipykernel python3-h5py python3-pandas python3-matplotlib"
  exit 77
}
cat > "$tmp/small.manifest" <<'END'
[experiment]
name = small
seeds = 1;2
metric = ndcg_10
baseline = popularity
[stage world]
uses = synthetic-world
n_users = 200
[stage metrics]
uses = rank-metrics
[arm popularity]
pipeline = world; popularity; metrics
[arm transitions]
pipeline = world; item-transitions; metrics
[arm oracle]
pipeline = world; metrics
END
expect 0 "$program" run "$tmp/small.manifest" --quiet --store "$tmp/store" --out "$tmp/results"
for notebook in "$PR_SOURCE_DIR"/analysis/*.ipynb; do
  cp "$notebook" "$tmp/notebook.ipynb"
  grep -q '"outputs": \[\]' "$notebook" || fail "$notebook is committed with its output"
  expect 0 env PAUSEREC_RESULTS="$tmp/results/results.h5" PYTHONPATH="$PR_SOURCE_DIR/analysis" HOME="$tmp" PATH=/usr/bin:/bin \
    jupyter-nbconvert --to notebook --execute --stdout "$tmp/notebook.ipynb"
  out_has '"image/png"'
done
finish
