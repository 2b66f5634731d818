#!/bin/bash
# Scores that are known beforehand: chance where histories say nothing, the oracle's expectation for the oracle, and
# nothing above it for anybody.  Four standard errors of 1,000 users are allowed; a metric m in [0, 1] has a variance of at
# most m (1 - m).
. "$(dirname "$0")/../cli/lib.sh"
manifest=$PR_SOURCE_DIR/tests/long/honesty.manifest
mkdir "$tmp/plugins"
ln -s "$PR_BUILD_DIR/tests/long/.libs/shuffle-purchases.so" "$tmp/plugins/"

expect 0 "$program" run "$manifest" --quiet --plugin-path "$tmp/plugins" --store "$tmp/store" --out "$tmp/results"
out_has "9 runs done now"
expect 0 "$program" compare "$tmp/results" --format csv --metric hit_5 --metric hit_10 --metric ndcg_10
awk -F , -v users=1000 -v items=120 '
  function fail(what) { print "FAIL: " what; failures++ }
  function error(m) { return 4 * sqrt (m * (1 - m) / users) }
  NR > 1 { gsub (/"/, ""); score[$1, $2] = $4; expected[$2] = $11; arms[$1]; metrics[$2] }
  END {
    # The share of the ten most popular items, itself measured: no list of ten can expect more, a random one has 10 / items.
    p = score["shuffled-popularity", "hit_10"]
    most = p + sqrt (2) * error (p)
    least = 10 / items - error (10 / items)
    for (arm in arms) {
      hit = score[arm, "hit_10"]
      printf "%-20s hit_10 %.4f\n", arm, hit
      if (arm ~ /^shuffled-/ && hit > most)
        fail (arm " hits " hit " where nobody can know more than " most)
      if (arm ~ /^shuffled-/ && arm != "shuffled-title" && hit < least) # thoughts without end have no items
        fail (arm " hits " hit ", a random list would hit " 10 / items)
      if (arm !~ /^shuffled-/)
        for (metric in metrics)
          if (score[arm, metric] > expected[metric] + error (expected[metric]))
            fail (arm " has " metric " " score[arm, metric] ", the oracle expects " expected[metric])
    }
    for (metric in metrics)
      if (score["oracle", metric] < expected[metric] - error (expected[metric]))
        fail ("the oracle has " metric " " score["oracle", metric] " instead of " expected[metric])
    if (score["next-item", "hit_10"] < 2 * most) # these bounds tell knowledge from chance
      fail ("next-item hits " score["next-item", "hit_10"] " on the world as it is")
    if (length (arms) != 9 || length (metrics) != 3)
      fail (length (arms) " arms, " length (metrics) " metrics")
    exit failures > 0
  }' "$tmp/out" || fail "honesty"
finish
