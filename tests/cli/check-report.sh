#!/bin/bash
# report: one page that is whole by itself, on results with little to show; and what can go wrong before and while it is made.
. "$(dirname "$0")/lib.sh"
cat > "$tmp/small.manifest" <<'END'
[experiment]
name = small-talk
seeds = 1;2
metric = ndcg_10
baseline = popularity
[stage world]
uses = synthetic-world
n_users = 100
[arm popularity]
pipeline = world; popularity; rank-metrics
[arm transitions]
pipeline = world; item-transitions; rank-metrics
END
expect 0 "$program" run "$tmp/small.manifest" --quiet --store "$tmp/store" --out "$tmp/results"
results=$tmp/results/results.h5
files=$(ls "$tmp/results")

# Which Python: the one that is named, and only that; a reason and a remedy if it will not do.
printf '#!/bin/sh\necho "ModuleNotFoundError: No module named h5py" >&2\nexit 1\n' > "$tmp/python3"
chmod +x "$tmp/python3"
expect 6 env PAUSEREC_PYTHON="$tmp/python3" "$program" report "$tmp/results"
err_has "$tmp/python3: ModuleNotFoundError: No module named h5py"
err_has "apt-get install python3-h5py python3-pandas python3-matplotlib jupyter-nbconvert python3-ipykernel"
err_has "pip install"
expect 6 env PAUSEREC_PYTHON="$tmp/nobody" "$program" report "$tmp/results"
err_has "$tmp/nobody"
expect 6 env PAUSEREC_ANALYSIS="$tmp/nowhere" "$program" report "$tmp/results"
err_has "$tmp/nowhere/pauserec_report.py is not there"

# What cannot be read or written is told before any Python starts.
export PAUSEREC_PYTHON=$tmp/nobody
expect 6 "$program" report "$tmp/results" --out "$tmp/none/page.html"
err_has "there is no folder '$tmp/none'"
expect 2 "$program" report "$tmp/results" --out "$tmp"
err_has "is a folder"
expect 6 "$program" report "$tmp/none"
err_has "$tmp/none"
cp "$results" "$tmp/damaged.h5"
printf 'x' | dd of="$tmp/damaged.h5" bs=1 seek=2000 conv=notrunc status=none
expect 4 "$program" report "$tmp/damaged.h5"
err_has "$tmp/damaged.h5"
err_has "damaged"
expect 2 "$program" report
err_has "too few arguments"
unset PAUSEREC_PYTHON
test ! -e "$tmp/results/results.html" && test ! -e "$tmp/damaged.html" || fail "a page in spite of an error"

"$program" report "$results" --out "$tmp/page.html" > "$tmp/out" 2> "$tmp/err" < /dev/null
status=$?
if test $status -eq 6 && grep -q 'no Python that can execute notebooks' "$tmp/err"; then
  test $failures -eq 0 || finish
  cat "$tmp/err"
  exit 77
fi
test $status -eq 0 || { fail "status $status instead of 0: report"; cat "$tmp/err"; }
out_has "report: $tmp/page.html"
python3 - "$tmp/page.html" "$PR_SOURCE_DIR"/analysis/*.ipynb <<'PYTHON' || fail "the page is not what it should be"
import json, re, sys
page = open(sys.argv[1]).read()
assert page.count("<title>small-talk</title>") == 1 and page.rstrip().endswith("</html>")
# Whole by itself: nothing is loaded, from anywhere.
assert not re.search(r"<(script|link|iframe|object)\b|@import|url\(", page)
sources = re.findall(r"\bsrc\s*=\s*[\"']?([^\"'>]{0,40})", page)
assert sources and all(source.startswith("data:image/png;base64,") for source in sources), sources[:3]
links = re.findall(r"\bhref\s*=\s*\"([^\"]*)\"", page)
assert links and all(re.search(f'id="{link[1:]}"', page) for link in links if link.startswith("#")), links
assert not [link for link in links if not link.startswith("#")], links
# Every notebook is there, in contents and in text, and what none of them has to show is told in a sentence.
for path in sys.argv[2:]:
    title = "".join(json.load(open(path))["cells"][0]["source"]).split("\n")[0].removeprefix("# ")
    assert len(re.findall(rf"<h1 id=\"[^\"]*\">{title}</h1>", page)) == 1 and f">{title}</a>" in page, title
for sentence in [
    "small-talk: 4 runs, 2 arms, baseline popularity",
    "Left out, since they train nothing: popularity, transitions.",
    "No arm has both a score and a cost of training, so there is no front.",
    "No stage wrote a curve: nothing was trained.",
    "No stage reports a codebook: there are no semantic ids in these results.",
    "No arm pauses, so there is no k to plot.",
]:
    assert sentence in page, sentence
assert "output_stderr output_text" not in page and page.count("<details>") >= 20
PYTHON

# An own folder of notebooks. One that fails is named with its cell, and the page of before stays.
mkdir "$tmp/own"
cp "$PR_SOURCE_DIR"/analysis/*.py "$tmp/own"
cat > "$tmp/own/mine.ipynb" <<'END'
{"cells": [{"cell_type": "markdown", "metadata": {}, "source": ["# Mine"]},
           {"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [],
            "source": ["import pauserec_results\n", "print(len(pauserec_results.open_named().runs), 'runs <here>')\n",
                       "import matplotlib.pyplot as plt\n", "plt.plot([1, 2]);"]}],
 "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
END
# A Python without packages that stands first in PATH does no harm if the system's has them.
PATH=$tmp:$PATH expect 0 env PAUSEREC_ANALYSIS="$tmp/own" MPLBACKEND=agg "$program" report "$tmp/results"
grep -q '4 runs &lt;here&gt;' "$tmp/results/results.html" || fail "the own notebook is not in the page"
grep -q 'src="data:image/png' "$tmp/results/results.html" || fail "its plot is not in the page"
cp "$tmp/results/results.html" "$tmp/before.html"
sed -i 's/print(.*\\n"/raise ValueError(\\"no good\\")\\n"/' "$tmp/own/mine.ipynb"
expect 3 env PAUSEREC_ANALYSIS="$tmp/own" "$program" report "$tmp/results"
err_has "notebook mine.ipynb, cell 2: ValueError: no good"
cmp -s "$tmp/before.html" "$tmp/results/results.html" || fail "the page of before was touched"
echo '{' > "$tmp/own/mine.ipynb"
expect 3 env PAUSEREC_ANALYSIS="$tmp/own" "$program" report "$tmp/results"
err_has "mine.ipynb is no notebook"
rm "$tmp/results/results.html"
test "$(ls "$tmp/results")" = "$files" || { fail "something is left behind:"; ls "$tmp/results"; }
finish
