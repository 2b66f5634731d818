#!/bin/bash
# Every command line is answered: result on standard output, or one error with the right exit status.
. "$(dirname "$0")/lib.sh"
plugins sound

expect 0 "$program" --version; out_has "pauserec "; out_has "ABI"; err_empty
expect 0 "$program" --help; out_has "Usage: pauserec COMMAND"; err_empty
for command in $(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$tmp/out"); do
  expect 0 "$program" "$command" --help; out_has "pauserec $command"; err_empty
  expect 2 "$program" "$command" --no-such-option; err_has "--no-such-option"
done
for command in inspect check plan; do
  expect 0 "$program" --help; out_has "  $command "
done
expect 2 "$program"; err_has "no command given"
expect 2 "$program" inpsect; err_has "no command 'inpsect'; did you mean 'inspect'?"

# inspect
expect 0 "$program" inspect --plugin-path "$plugins"; out_has "source"; out_has "item-transitions"; err_empty
expect 0 "$program" inspect train --plugin-path "$plugins"
out_has "start  model/1  (optional)"; out_has "colour = green"; out_has "one of red, green, blue"; out_has "x = 0.1"
expect 0 "$program" inspect needy --plugin-path "$plugins"; out_has "file  (required)"
expect 2 "$program" inspect trian --plugin-path "$plugins"; err_has "no stage 'trian'; did you mean 'train'?"
expect 2 "$program" inspect --template --plugin-path "$plugins"; err_has "--template needs"
expect 2 "$program" inspect a b; err_has "too many arguments"

# What inspect --template prints is a manifest's group, as it is and with its defaults switched on.
expect 0 "$program" inspect --template source --plugin-path "$plugins"
{ cat "$tmp/out"; printf '[arm a]\npipeline = source\n'; } > "$tmp/template.manifest"
expect 0 "$program" check "$tmp/template.manifest" --plugin-path "$plugins"; out_has "1 run of 1 arm, sound"
sed -i 's/^# \([a-z_]* =\)/\1/' "$tmp/template.manifest"
grep -q '^colour = green' "$tmp/template.manifest" || fail "template lacks a default"
expect 0 "$program" check "$tmp/template.manifest" --plugin-path "$plugins"; out_has "sound"

# check and plan
cat > "$tmp/good.manifest" <<'END'
[experiment]
seeds = 1..2
[stage source]
n = 5
[arm one]
pipeline = source; train; score
[arm two]
pipeline = source; train; score
train.n = 1; 2
END
expect 0 "$program" check "$tmp/good.manifest" --plugin-path "$plugins"
out_has "two[train.n=2], seed 2: source; train; score"; out_has "6 runs of 3 arms, sound"; err_empty
expect 0 "$program" check -w "$tmp/good.manifest" --plugin-path "$plugins" --only arm=one --only seed=2
out_has "train.start <- nothing"; out_has "score.model <- train.model"; out_has "1 run of 1 arm"
expect 0 "$program" check "$tmp/good.manifest" --plugin-path "$plugins" --set train.n=3; out_has "4 runs of 2 arms"
expect 2 "$program" check "$tmp/good.manifest"; err_has "no plugin has a stage 'source'"
expect 2 "$program" check; err_has "too few arguments"
expect 2 "$program" check "$tmp/missing.manifest"; err_has "no manifest '$tmp/missing.manifest'"
printf '[stage source]\nm = 5\nn = x\n[arm a]\npipeline = source; train; nobody\n' > "$tmp/bad.manifest"
for command in check plan; do
  expect 2 "$program" $command "$tmp/bad.manifest" --plugin-path "$plugins"
  err_has "3 faults in '$tmp/bad.manifest'"; err_has "$tmp/bad.manifest:2: stage 'source' has no parameter 'm'"
  test ! -s "$tmp/out" || fail "$command printed something in spite of the error"
done

# plan
expect 0 "$program" plan "$tmp/good.manifest" --plugin-path "$plugins" --store "$tmp/store" --out "$tmp/frozen" --dry-run
out_has "6 runs"; out_has "to do"; err_empty
test ! -e "$tmp/frozen" || fail "a dry run made a folder"
expect 0 "$program" plan "$tmp/good.manifest" --plugin-path "$plugins" --store "$tmp/store" --out "$tmp/frozen" --parameters
out_has "6 runs"; out_has "frozen: $tmp/frozen/plan.json"; out_has "n = 2  (arm two:"; out_has "colour = green  (default)"; err_empty
test -s "$tmp/frozen/plan.json" || fail "no plan.json"
test ! -e "$tmp/store" || fail "plan made a store"
expect 2 "$program" run "$tmp/good.manifest" --plugin-path "$plugins" --store "$tmp/store" --out "$tmp/frozen" --set source.n=6
err_has "was frozen"; err_has "settings (--set): was nothing, is source.n=6"; err_has "from stage 'source' on"

# plugins
expect 6 "$program" inspect --plugin-path "$tmp/nowhere"; err_has "$tmp/nowhere"
mkdir "$tmp/empty"
expect 2 "$program" inspect --plugin-path "$tmp/empty"; err_has "holds no plugin"
for broken in wrong-magic wrong-abi wrong-size wrong-name no-symbol unresolved-symbol no-stages null-fields bad-default \
              bad-offset bad-slot; do
  plugins sound $broken
  expect 3 "$program" inspect --plugin-path "$plugins"; err_has "$broken.so"
done
plugins sound duplicate-stage
expect 3 "$program" inspect --plugin-path "$plugins"; err_has "sound.so"; err_has "duplicate-stage.so"
plugins breaks-plan
printf '[stage breaks-plan]\nhow = silent-failure\n[arm a]\npipeline = breaks-plan\n' > "$tmp/breaks.manifest"
for command in check plan; do
  expect 3 "$program" $command "$tmp/breaks.manifest" --plugin-path "$plugins"; err_has "failed and did not say why"
done

# A stage that breaks the contract while it runs leaves nothing that counts, and the rest of its plugin is none the worse.
plugins breaks-run
run=("$program" run "$tmp/breaks.manifest" --plugin-path "$plugins" --store "$tmp/store" --out "$tmp/results")
printf '[stage breaks-run]\n[arm a]\npipeline = breaks-run\n' > "$tmp/breaks.manifest"
for how in silent-failure lying-success unknown-output broken-promise no-output; do
  expect 3 "${run[@]}" --set breaks-run.how=$how; err_has "stage 'breaks-run'"; err_has "breaks-run.so"
  expect 0 "$program" plan "$tmp/breaks.manifest" --plugin-path "$plugins" --store "$tmp/store" --dry-run --set breaks-run.how=$how
  out_has "stages: 1 to do, 0 cached"
done
expect 0 "${run[@]}"
expect 0 "$program" plan "$tmp/breaks.manifest" --plugin-path "$plugins" --store "$tmp/store" --dry-run
out_has "stages: 0 to do, 1 cached"
expect 6 "${run[@]}" --store "/dev/null/store"; err_has "/dev/null/store"

# bench
expect 2 "$program" bench trian; err_has "no benchmark 'trian'; did you mean 'train'?"
expect 2 "$program" bench; err_has "too few arguments"
expect 2 "$program" bench train --steps -1; err_has "--steps -1: outside 1 to 10000"
expect 2 "$program" bench train --chunk-tokens 2000000; err_has "--chunk-tokens 2000000: outside"
expect 0 "$program" bench train --steps 1 --threads 2 --chunk-tokens 256; err_empty
for key in threads sgemm_gflops train_gflops train_ratio train_tokens_s train_loss peak_rss_mib; do
  grep -qE "^$key=[0-9.]+$" "$tmp/out" || fail "bench train says nothing of $key"
done

expect 0 "$program" bench merge --steps 3; err_empty
for key in merge_runs merge_users merge_write_s merge_peek_s merge_s merge_file_mib peak_rss_mib; do
  grep -qE "^$key=[0-9.]+$" "$tmp/out" || fail "bench merge says nothing of $key"
done

# the machine
if test -c /dev/full; then
  "$program" --help > /dev/full 2> "$tmp/err"
  test $? -eq 6 || fail "a full disk under standard output goes unnoticed"
  err_has "cannot write standard output"
fi
finish
