# lib.sh - what every shell test of the program would otherwise repeat; sourced, with $name set.

set -u
: "${PR_BUILD_DIR:?}" "${PR_SOURCE_DIR:?}"
program=$PR_BUILD_DIR/pauserec
tmp=$(mktemp -d "${TMPDIR:-/tmp}/pauserec-check-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
failures=0

fail () {
  echo "FAIL: $*"
  failures=$((failures + 1))
}

# expect STATUS COMMAND...: run it; its output is then in $tmp/out and $tmp/err.
expect () {
  local status want=$1
  shift
  "$@" > "$tmp/out" 2> "$tmp/err" < /dev/null
  status=$?
  if test $status -ne "$want"; then
    fail "status $status instead of $want: $*"
    cat "$tmp/out" "$tmp/err"
  fi
}

# The last command said TEXT on standard output or, with err_has, in its one error report.
out_has () { grep -qF -e "$1" "$tmp/out" || { fail "output lacks '$1':"; cat "$tmp/out" "$tmp/err"; }; }
err_has () {
  grep -qF -e "$1" "$tmp/err" || { fail "error lacks '$1':"; cat "$tmp/err"; }
  test "$(grep -c '^pauserec: error: ' "$tmp/err")" -eq 1 || { fail "not one error report:"; cat "$tmp/err"; }
}
err_empty () { test ! -s "$tmp/err" || { fail "errors:"; cat "$tmp/err"; }; }

# plugins NAME...: a folder with these plugins of tests/broken, in $plugins.
plugins () {
  plugins=$(mktemp -d "$tmp/plugins-XXXXXX")
  for plugin in "$@"; do
    ln -s "$PR_BUILD_DIR/tests/broken/.libs/$plugin.so" "$plugins/$plugin.so"
  done
}

finish () {
  test $failures -eq 0 || { echo "$failures failures"; exit 1; }
  exit 0
}
