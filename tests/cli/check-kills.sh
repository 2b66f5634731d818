#!/bin/bash
# kill -9 at random moments of a sweep of 12 runs, two at once, begun again until it is done and then from nothing:
# whatever moment it hits, what looks done is done, and the end is that of a sweep that nobody disturbed.
# PR_TEST_KILLS=N: how many; PR_TEST_SEED=N: the same moments again, as parts of the time that an undisturbed sweep takes.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/disturbed.sh"
kills=${PR_TEST_KILLS:-30}
seed=${PR_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "PR_TEST_SEED=$seed"
RANDOM=$seed

cat > m.manifest <<'END'
[experiment]
name = kills
seeds = 1;2
metric = hit_10
[stage seed]
uses = probe-seed
[stage walk]
uses = probe-walk
[stage more]
uses = probe-walk
in.bytes = seed.bytes
steps = 40
[arm one]
pipeline = seed; walk
walk.steps = 20;40;60
[arm two]
pipeline = seed; more; walk
walk.steps = 30;50;70
END
microseconds () { local now=$EPOCHREALTIME; echo "${now/[.,]/}"; }

undisturbed 12
begun=$(microseconds)
expect 0 sweep timed --jobs 2
duration=$(($(microseconds) - begun))
echo "undisturbed: $((duration / 1000)) ms"

# look WHEN: what looks done is done.
look () {
  local files=(killed/out/runs/*.h5)
  if test -e "${files[0]}"; then
    "$digests" "${files[@]}" > out 2>&1 || fail "$1: $(cat out)"
    ! grep -vxF -f reference.said out || fail "$1: other digests"
  fi
  test ! -e killed/out/results.h5 || "$program" compare killed/out > out 2>&1 || fail "$1: results.h5: $(cat out)"
}
over () {
  same killed
  clean killed
  rm -rf killed
  sweeps=$((sweeps + 1))
}

sweeps=0 done=0
for ((tries = 0; done < kills && tries < 20 * kills; tries++)); do
  delay=$((duration * RANDOM / 32768 * 8 / 10))
  (trap - EXIT; exec setsid "$program" run m.manifest --plugin-path plugins --quiet --jobs 2 --store killed/store \
     --out killed/out) > out 2> err &
  victim=$!
  sleep "$((delay / 1000000)).$(printf %06d $((delay % 1000000)))"
  # The parent alone, whose children must not outlive it, or everybody.
  target=$victim
  test $((tries % 2)) -eq 0 || target="-- -$victim"
  kill -KILL $target 2> /dev/null
  wait $victim 2> /dev/null
  status=$?
  case $status in
    137) done=$((done + 1)); look "kill $done after $delay us" ;;
    0) over ;;
    *) fail "status $status after $delay us: $(cat err)"; break ;;
  esac
done
test $done -eq $kills || fail "only $done kills in $tries lives"
expect 0 sweep killed --jobs 2
over
echo "$kills kills in $tries lives, $sweeps sweeps ended"
finish
