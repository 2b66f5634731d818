# sweep.sh - run a manifest under many circumstances and compare what comes out; sourced after lib.sh.
# $manifest is the file; every sweep has a NAME, its store and results are in $tmp/NAME.

python=
for candidate in /usr/bin/python3 "$(command -v python3)"; do
  test -z "$python" && "${candidate:-false}" -c 'import h5py' 2> /dev/null && python=$candidate
done

# sweep NAME ARGUMENT...: the experiment with store and results of that name.
sweep () {
  local at=$1
  shift
  "$program" run "$manifest" --quiet --store "$tmp/$at/store" --out "$tmp/$at/out" "$@"
}

# Every output of every stage, by content; what depends on the clock is in record.* and entry.json.
contents () {
  (cd "$tmp/$1/store/objects" && find . -type f ! -name entry.json ! -name 'record.*' -exec sha256sum {} + | sort -k 2)
}
digests () {
  test -n "$python" || return 0
  "$python" - "$tmp/$1/out/results.h5" 2> /dev/null <<'PYTHON'
import sys, h5py
with h5py.File(sys.argv[1]) as f:
    for row in f["runs"][...]:
        print(row["arm"].decode(), row["seed"], row["digest"].decode())
PYTHON
}

# reference NAME: what every other sweep must equal.
reference () {
  reference=$1
  contents "$1" > "$tmp/$1.sums"
  digests "$1" > "$tmp/$1.digests"
  test -n "$python" || echo "SKIP: digests of results: no python3 with h5py"
  test -z "$python" || test -s "$tmp/$1.digests" || fail "$1: no digests of results"
}
same () {
  contents "$1" > "$tmp/$1.sums"
  test -s "$tmp/$1.sums" || fail "$1: nothing in the store"
  cmp -s "$tmp/$reference.sums" "$tmp/$1.sums" \
    || { fail "$1: other bytes than $reference"; diff "$tmp/$reference.sums" "$tmp/$1.sums"; }
  digests "$1" > "$tmp/$1.digests"
  cmp -s "$tmp/$reference.digests" "$tmp/$1.digests" \
    || { fail "$1: other digests"; diff "$tmp/$reference.digests" "$tmp/$1.digests"; }
}

# begin NAME ARGUMENT...: the experiment in the background, its process in $victim; wait_for NAME PATTERN: until such a
# file exists.
begin () {
  local at=$1
  shift
  rm -rf "${tmp:?}/$at/out"
  setsid "$program" run "$manifest" --quiet --store "$tmp/$at/store" --out "$tmp/$at/out" "$@" > "$tmp/out" 2> "$tmp/err" &
  victim=$!
}
wait_for () {
  while kill -0 $victim 2> /dev/null && ! compgen -G "$tmp/$1/$2" > /dev/null; do :; done
  kill -0 $victim 2> /dev/null || { fail "the run ended before it made $2"; return 1; }
}
# kill_at NAME PATTERN: kill -9 there; no results may have come of it.
kill_at () {
  wait_for "$1" "$2" || return
  kill -9 $victim
  wait $victim 2> /dev/null
  test ! -e "$tmp/$1/out/results.h5" || fail "$1: killed at $2, but there are results"
}
