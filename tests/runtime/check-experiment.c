#include "plugins-for-tests.h"
#include "runtime/experiment.h"

static PrRegistry *registry;
static char *dir;

static void
setup (void)
{
  registry = test_registry ("sound", NULL);
  dir = pr_check_tmpdir ();
}

static void
teardown (void)
{
  g_clear_pointer (&registry, pr_registry_free);
  pr_check_rmdir (dir);
  g_clear_pointer (&dir, g_free);
}

/* Load TEXT as DIR/x.manifest. */
static PrExperiment *
load (const char *text, const PrExperimentOptions *options, GError **error)
{
  g_autofree char *path = test_file (dir, "x.manifest", text);

  return pr_experiment_load (path, registry, options, error);
}

static PrExperiment *
load_sound (const char *text, const PrExperimentOptions *options)
{
  g_autoptr (GError) error = NULL;
  PrExperiment *experiment = load (text, options, &error);

  ck_assert_no_error (error);
  ck_assert_ptr_nonnull (experiment);
  return experiment;
}

static const PrNode *
node (const PrRunSpec *run, const char *name)
{
  for (guint i = 0; i < run->nodes->len; i++)
    if (strcmp (((const PrNode *)run->nodes->pdata[i])->name, name) == 0)
      return run->nodes->pdata[i];
  ck_abort_msg ("no node '%s'", name);
  return NULL;
}

/* "NODE.SLOT" that input SLOT of the node called NAME reads; to free. */
static char *
reads (const PrRunSpec *run, const char *name, const char *slot)
{
  const PrNode *n = node (run, name);

  for (gsize i = 0; i < n->n_edges; i++)
    if (strcmp (n->edges[i].slot->name, slot) == 0)
      return n->edges[i].from != NULL ? g_strdup_printf ("%s.%s", n->edges[i].from->name, n->edges[i].from_slot->name)
                                      : g_strdup ("nothing");
  ck_abort_msg ("no input '%s'", slot);
  return NULL;
}

static const char *
value (const PrRunSpec *run, const char *name, const char *key, const char *field)
{
  return json_string_value (json_object_get (json_object_get (node (run, name)->resolved, key), field));
}

#define ck_assert_reads(run, name, slot, expected)                                                                     \
  do                                                                                                                   \
    {                                                                                                                  \
      g_autofree char *from = reads (run, name, slot);                                                                 \
      ck_assert_str_eq (from, expected);                                                                               \
    }                                                                                                                  \
  while (0)

START_TEST (arms_lists_and_seeds)
{
  g_autoptr (PrExperiment) e = load_sound ("[experiment]\n"
                                           "name = try-1\nseeds = 3; 5..6\nmetric = hit_5\nquestion = Does it; work?\n"
                                           "baseline = plain\n"
                                           "[stage data]\nuses = source\nn = 5\n"
                                           "[arm plain]\npipeline = data; train; score\n"
                                           "[arm swept]\npipeline = data; train; score;\n"
                                           "train.n = 1; 2\nscore.x = 0.5; 1\ntrain.colour = red\n",
                                           NULL);
  static const char *const labels[] = { "plain", "swept[train.n=1,score.x=0.5]", "swept[train.n=1,score.x=1]",
                                        "swept[train.n=2,score.x=0.5]", "swept[train.n=2,score.x=1]" };
  const PrRunSpec *run;

  ck_assert_str_eq (e->name, "try-1");
  ck_assert_str_eq (e->metric, "hit_5");
  ck_assert_str_eq (e->question, "Does it; work?");
  ck_assert_str_eq (e->baseline, "plain");
  ck_assert_uint_eq (e->arms->len, G_N_ELEMENTS (labels));
  ck_assert_uint_eq (e->runs->len, 3 * G_N_ELEMENTS (labels));
  for (guint i = 0; i < e->runs->len; i++)
    {
      const guint64 seeds[] = { 3, 5, 6 };

      run = e->runs->pdata[i];
      ck_assert_str_eq (run->arm, labels[i / 3]);
      ck_assert_uint_eq (run->seed, seeds[i % 3]);
      ck_assert_uint_eq (run->nodes->len, 3);
    }
  run = e->runs->pdata[14];
  ck_assert_str_eq (value (run, "train", "n", "value"), "2");
  ck_assert_str_eq (value (run, "train", "n", "origin"), "arm swept:14");
  ck_assert_str_eq (value (run, "train", "colour", "value"), "red");
  ck_assert_str_eq (value (run, "data", "n", "origin"), "manifest:9");
  ck_assert_str_eq (value (run, "data", "x", "origin"), "default");
}
END_TEST

START_TEST (a_stage_may_have_a_seed_of_its_own)
{
  const char *const set[] = { "train.seed=3", NULL };
  g_autoptr (PrExperiment) e = load_sound ("[experiment]\nseeds = 1; 2\n[stage source]\nseed = 7\n[arm a]\npipeline = source; "
                                           "train\n[arm b]\npipeline = source; train\nsource.seed = 8; 9\n",
                                           &(const PrExperimentOptions){ set, NULL });

  for (guint i = 0; i < 6; i++)
    {
      const PrRunSpec *run = e->runs->pdata[i];
      const PrNode *source = node (run, "source"), *train = node (run, "train");

      ck_assert_uint_eq (run->seed, i % 2 + 1);
      ck_assert (source->seeded && source->seed == 7 + i / 2 && train->seeded && train->seed == 3);
      ck_assert_str_eq (value (run, "source", "seed", "origin"), i < 2 ? "manifest:4" : "arm b:9");
    }
}
END_TEST

START_TEST (little_is_enough)
{
  g_autoptr (PrExperiment) e =
      load_sound ("\xef\xbb\xbf# comment\r\n\r\n  [ arm  only ]  \r\n pipeline=source\r\n", NULL);

  ck_assert_str_eq (e->name, "x");
  ck_assert_str_eq (e->metric, "ndcg_10");
  ck_assert_str_eq (e->baseline, "only");
  ck_assert_str_eq (e->question, "");
  ck_assert_uint_eq (e->runs->len, 1);
  ck_assert_uint_eq (((const PrRunSpec *)e->runs->pdata[0])->seed, 1);
}
END_TEST

START_TEST (a_slot_takes_the_latest_of_its_type)
{
  g_autoptr (PrExperiment) e = load_sound ("[stage first]\nuses = train\n[stage second]\nuses = train\n"
                                           "[stage late]\nuses = source\n"
                                           "[arm a]\npipeline = source; first; late; second; score\n",
                                           NULL);
  const PrRunSpec *run = e->runs->pdata[0];

  ck_assert_reads (run, "first", "data", "source.data");
  ck_assert_reads (run, "first", "start", "nothing");
  ck_assert_reads (run, "second", "data", "late.data");
  ck_assert_reads (run, "second", "start", "first.model"); /* optional inputs are wired too */
  ck_assert_reads (run, "score", "model", "second.model");
}
END_TEST

START_TEST (explicit_edges)
{
  const char *const set[] = { "b.in.data=source", NULL };
  const PrExperimentOptions options = { set, NULL };
  g_autoptr (PrExperiment) e =
      load_sound ("[stage a]\nuses = train\n"
                  "[stage b]\nuses = train\nin.start = none\nin.data = late.data\n"
                  "[stage late]\nuses = source\n"
                  "[stage score]\nin.model = a.model\n"
                  "[stage other]\nuses = score\n"
                  "[arm x]\npipeline = source; late; twin; a; b; score; other\na.in.start = twin.right\n"
                  "other.in.model = a; b\n",
                  &options);
  const PrRunSpec *run = e->runs->pdata[0];

  ck_assert_uint_eq (e->runs->len, 2);
  ck_assert_reads (run, "a", "start", "twin.right");
  ck_assert_reads (run, "b", "start", "nothing");
  ck_assert_reads (run, "b", "data", "source.data"); /* --set wins over the group */
  ck_assert_reads (run, "score", "model", "a.model");
  ck_assert_reads (run, "other", "model", "a.model");
  ck_assert_reads (e->runs->pdata[1], "other", "model", "b.model"); /* a list of edges makes runs, too */
}
END_TEST

static const char swept[] = "[experiment]\nseeds = 1..3\nbaseline = plain\n"
                            "[arm plain]\npipeline = source\n"
                            "[arm pause]\npipeline = source\nsource.n = 1;3;5\n"
                            "[arm pauses]\npipeline = source\n";

START_TEST (only_some_runs)
{
  const struct
  {
    const char *only[4];
    guint arms, runs;
  } cases[] = {
    { { NULL }, 5, 15 },
    { { "arm=pause", NULL }, 3, 9 },
    { { "arm=pause[source.n=3]", NULL }, 1, 3 },
    { { "arm=pauses", NULL }, 1, 3 },
    { { "seed=2", NULL }, 5, 5 },
    { { "seed=2", "seed=3", "arm=plain", NULL }, 1, 2 },
    { { "arm=plain", "arm=pauses", NULL }, 2, 6 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const PrExperimentOptions options = { NULL, cases[i].only };
      g_autoptr (PrExperiment) e = load_sound (swept, &options);

      guint arms = 0, runs = 0;
      const char *arm = "";

      ck_assert_uint_eq (e->runs->len, 15);
      for (guint r = 0; r < e->runs->len; r++)
        {
          const PrRunSpec *run = e->runs->pdata[r];

          runs += run->wanted;
          arms += run->wanted && strcmp (run->arm, arm) != 0;
          arm = run->wanted ? run->arm : arm;
        }
      ck_assert_uint_eq (arms, cases[i].arms);
      ck_assert_uint_eq (runs, cases[i].runs);
      ck_assert_str_eq (e->baseline, "plain");
    }
}
END_TEST

START_TEST (set_wins_over_manifest_and_list)
{
  const char *const set[] = { "source.n=4",         "source.n = 9",
                              "experiment.seeds=7", "experiment.baseline=pause",
                              "source.text=a=b;c",  NULL };
  const PrExperimentOptions options = { set, NULL };
  g_autoptr (PrExperiment) e = load_sound (swept, &options);

  ck_assert_uint_eq (e->arms->len, 3);
  ck_assert_uint_eq (e->runs->len, 3);
  for (guint i = 0; i < 3; i++)
    {
      const PrRunSpec *run = e->runs->pdata[i];

      ck_assert_uint_eq (run->seed, 7);
      ck_assert_str_eq (value (run, "source", "n", "value"), "9");
      ck_assert_str_eq (value (run, "source", "n", "origin"), "--set");
      ck_assert_str_eq (value (run, "source", "text", "value"), "a=b;c");
    }
}
END_TEST

START_TEST (paths_start_from_the_manifest_or_the_current_folder)
{
  g_autofree char *sub = g_build_filename (dir, "sub", NULL), *here = NULL, *there = NULL;
  const char *const set[] = { "source.file=here.txt", NULL };
  const PrExperimentOptions options = { set, NULL };
  g_autoptr (PrExperiment) from_manifest = NULL, from_set = NULL;

  ck_assert_int_eq (g_mkdir (sub, 0755), 0);
  here = test_file (sub, "here.txt", "1");
  there = test_file (dir, "there.txt", "2");
  ck_assert_int_eq (g_chdir (sub), 0);
  from_manifest = load_sound ("[stage source]\nfile = there.txt\n[arm a]\npipeline = source\n", NULL);
  from_set = load_sound ("[stage source]\nfile = gone.txt\n[arm a]\npipeline = source\n", &options);
  ck_assert_str_eq (value (from_manifest->runs->pdata[0], "source", "file", "value"), there);
  ck_assert_str_eq (value (from_set->runs->pdata[0], "source", "file", "value"), here);
  ck_assert_int_eq (g_chdir ("/"), 0);
}
END_TEST

/* A fault, and what must be said of it, in a manifest that is else sound. */
static const struct
{
  const char *text, *part;
} faulty[] = {
  { "", ":1: there is no [arm NAME]" },
  { "[arm a]\npipeline = source\njunk\n", ":3: 'junk' is no [group]" },
  { "[arm a]\npipeline = source\n= 3\n", ":3: '=' is no [group]" },
  { "x = 1\n[arm a]\npipeline = source\n", ":1: 'x' stands before the first [group]" },
  { "[arm a]\npipeline = source\n; no comment\n", ":3: a comment starts with '#'" },
  { "[arm a\npipeline = source\n", ":1: a [group] must end with ']'" },
  { "[arms a]\npipeline = source\n[arm b]\npipeline = source\n", ":1: unknown group [arms a]" },
  { "[arm]\npipeline = source\n", ":1: [arm]: a name" },
  { "[arm a.b]\npipeline = source\n", ":1: [arm a.b]: a name" },
  { "[experiment two]\n[arm a]\npipeline = source\n", ":1: [experiment two]: there is one" },
  { "[arm a]\npipeline = source\n[arm a]\npipeline = source\n", ":3: group [arm a] stands there already, line 1" },
  { "[arm a]\npipeline = source\npipeline = source\n", ":3: 'pipeline' was given already, line 2" },
  { "[arm a]\npipeline = source\n\n[stage source]\ntext = \xff\n", ":5: the line is not UTF-8" },
  { "[arm a]\n", ":1: arm 'a' has no pipeline" },
  { "[arm a]\npipeline =\n", ":2: the pipeline is empty" },
  { "[arm a]\npipelines = source\n[arm b]\npipeline = source\n", ":2: unknown key 'pipelines'" },
  { "[arm a]\npipeline = source; sorce\n",
    ":2: there is neither a [stage sorce] nor a plugin's stage of that name; did you mean 'source'?" },
  { "[arm a]\npipeline = source;; train\n", ":2: there is neither a [stage ]" },
  { "[arm a]\npipeline = source; source\n", ":2: the pipeline has 'source' twice" },
  { "[stage d]\nuses = sauce\n[arm a]\npipeline = d\n", ":2: no plugin has a stage 'sauce'; did you mean 'source'?" },
  { "[stage sourc]\n[arm a]\npipeline = source\n", ":1: no plugin has a stage 'sourc'; did you mean 'source'?" },
  { "[stage none]\nuses = source\n[arm a]\npipeline = source\n", ":1: 'none' cannot be the name" },
  { "[stage experiment]\nuses = source\n[arm a]\npipeline = source\n", ":1: 'experiment' cannot be the name" },
  { "[stage source]\nm = 3\n[arm a]\npipeline = source\n", ":2: stage 'source' has no parameter 'm'" },
  { "[stage source]\ncolor = red\n[arm a]\npipeline = source\n", "did you mean 'colour'?" },
  { "[stage source]\nn = 1001\n[arm a]\npipeline = source\n", ":2: n = 1001: want a whole number, 0 to 1000" },
  { "[stage unused]\nuses = source\nn = x\n[arm a]\npipeline = source\n", ":3: n = x: want" },
  { "[stage source]\nn = 13\nx = 1\n[arm a]\npipeline = source\n",
    ":1: stage 'source': n = 13 and x = 1 do not go together" },
  { "[stage source]\nfile = gone.txt\n[arm a]\npipeline = source\n", ":2: file: file '" },
  { "[arm a]\npipeline = needy\n", ":2: stage 'needy' needs a value for 'file'" },
  { "[arm a]\npipeline = source\nsource.m = 3\n", ":3: stage 'source' has no parameter 'm'" },
  { "[arm a]\npipeline = source\nsource.n = 3; x\n", ":3: n = x: want" },
  { "[arm a]\npipeline = source\nsource.n = 3; 3\n", ":3: the list has the same value twice" },
  { "[arm a]\npipeline = source\nsource.n = 3;; 4\n", ":3: a value of the list is empty" },
  { "[arm a]\npipeline = source\nsource.uses = train\n", ":3: stage 'source' has no parameter 'uses'" },
  { "[arm a]\npipeline = source\ntrain.n = 3\n", ":3: train.n: this arm's pipeline has no stage 'train'" },
  { "[arm a]\npipeline = source\nsauce.n = 3\n", "no stage 'sauce'; did you mean 'source'?" },
  { "[arm a]\npipeline = source\nsource.in.data = source\n", ":3: in.data: stage 'source' has no such input" },
  { "[stage train]\nin.dta = source\n[arm a]\npipeline = source; train\n", "no such input; did you mean 'data'?" },
  { "[arm a]\npipeline = train\n", ":2: arm 'a': input 'data' of stage 'train' is not connected: nothing before it "
                                   "writes data/1; those that do: source" },
  { "[arm a]\npipeline = train; source\n", ":2: arm 'a': input 'data' of stage 'train' is not connected" },
  { "[arm a]\npipeline = source; twin; score\n",
    ":2: arm 'a': input 'model' of stage 'score': stage 'twin' has several" },
  { "[stage score]\nin.model = twin\n[arm a]\npipeline = twin; score\n", ":2: stage 'twin' has several outputs" },
  { "[stage score]\nin.model = twin.centre\n[arm a]\npipeline = twin; score\n",
    ":2: stage 'twin' has no output 'centre'" },
  { "[stage score]\nin.model = source.data\n[arm a]\npipeline = source; twin; score\n",
    ":2: 'source.data' is data/1, but input 'model' of stage 'score' takes model/1" },
  { "[stage score]\nin.model = source\n[arm a]\npipeline = source; twin; score\n",
    ":2: stage 'source' writes no model/1" },
  { "[stage score]\nin.model = none\n[arm a]\npipeline = source; train; score\n",
    "is not optional and cannot be 'none'" },
  { "[stage score]\nin.model = tran.model\n[arm a]\npipeline = source; train; score\n",
    ":2: the pipeline of arm 'a' has no stage 'tran'; did you mean 'train'?" },
  { "[stage score]\nin.model = train.model   ; explicit edge\n[arm a]\npipeline = source; train; score\n",
    "comments stand on lines of their own" },
  { "[stage score]\nin.model = train # explicit edge\n[arm a]\npipeline = source; train; score\n",
    "comments stand on lines of their own" },
  { "[stage train]\nin.start = train\n[arm a]\npipeline = source; train\n", ":2: stage 'train' reads itself" },
  { "[stage score]\nin.model = train\n[arm a]\npipeline = source; score; train\n",
    ":2: in arm 'a' stage 'train' comes after 'score', which reads it" },
  { "[stage p]\nuses = train\nin.start = q\n[stage q]\nuses = train\nin.start = p\n[arm a]\npipeline = source; p; q\n",
    ":3: a cycle: p reads q reads p" },
  { "[experiment]\nseed = 3\n[arm a]\npipeline = source\n",
    ":2: [experiment] has no key 'seed'; did you mean 'seeds'?" },
  { "[stage source]\nseed = x\n[arm a]\npipeline = source\n", ":2: seed: 'x' is not a seed" },
  { "[stage unused]\nuses = source\nseed = 1..5\n[arm a]\npipeline = source\n", ":3: seed: '1..5' is not a seed" },
  { "[stage needy]\nfile = x.manifest\nseed = 1\n[arm a]\npipeline = needy\n", ":3: seed: stage 'needy' draws nothing" },
  { "[experiment]\nseeds = 1; x\n[arm a]\npipeline = source\n", ":2: seeds: 'x' is neither" },
  { "[experiment]\nseeds = 5..1\n[arm a]\npipeline = source\n", ":2: seeds: '5..1' is neither" },
  { "[experiment]\nseeds = 0..99999999999\n[arm a]\npipeline = source\n", ":2: seeds: '0..99999999999' is neither" },
  { "[experiment]\nseeds = -1\n[arm a]\npipeline = source\n", ":2: seeds: '-1' is neither" },
  { "[experiment]\nseeds = 1..3; 2\n[arm a]\npipeline = source\n", ":2: seeds: 2 stands there twice" },
  { "[experiment]\nseeds =\n[arm a]\npipeline = source\n", ":2: seeds: none given" },
  { "[experiment]\nname = a/b\n[arm a]\npipeline = source\n", ":2: name: 'a/b' is not" },
  { "[experiment]\nmetric = NDCG@10\n[arm a]\npipeline = source\n", ":2: metric: want a name" },
  { "[experiment]\nbaseline = b\n[arm a]\npipeline = source\n", ":2: baseline: there is no arm 'b'" },
  { "[experiment]\nbaseline = a\n[arm a]\npipeline = source\nsource.n = 1;2\n",
    ":2: baseline: arm 'a' has several values; name one, such as 'a[source.n=1]'" },
  { "[experiment]\nseeds = 1..9000\n[arm a]\npipeline = source\nsource.n = 1;2\n", "more than 10000 runs" },
};

START_TEST (faults_are_told)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *place = g_strconcat (dir, "/x.manifest:", NULL);

  ck_assert_ptr_null (load (faulty[_i].text, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, faulty[_i].part);
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, place);
}
END_TEST

static const struct
{
  const char *set, *only, *part;
} options_faulty[] = {
  { "source", NULL, "--set source: want STAGE.KEY=VALUE" },
  { "=3", NULL, "--set =3: want STAGE.KEY=VALUE" },
  { "source.=3", NULL, "want STAGE.KEY=VALUE" },
  { "sauce.n=3", NULL, "--set sauce.n=3: the manifest has no stage 'sauce'; did you mean 'source'?" },
  { "source.m=3", NULL, "--set source.m=3: stage 'source' has no parameter 'm'" },
  { "source.n=x", NULL, "--set source.n=x: n = x: want" },
  { "source.in.x=3", NULL, "no such input" },
  { "experiment.sed=3", NULL, "--set experiment.sed=3: [experiment] has no key 'sed'" },
  { "experiment.seeds=a", NULL, "--set experiment.seeds=a: seeds: 'a' is neither" },
  { NULL, "arm=pase", "--only arm=pase: the manifest has no such arm; did you mean 'pause'?" },
  { NULL, "arm=pause[source.n=4]", "no such arm" },
  { NULL, "seed=4", "--only seed=4: the experiment has no such seed" },
  { NULL, "seed=x", "--only seed=x: want arm=NAME or seed=N" },
  { NULL, "pause", "--only pause: want arm=NAME or seed=N" },
};

START_TEST (faults_of_options_are_told)
{
  const char *const set[] = { options_faulty[_i].set, NULL }, *const only[] = { options_faulty[_i].only, NULL };
  const PrExperimentOptions options = { set, only };
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (load (swept, &options, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, options_faulty[_i].part);
}
END_TEST

START_TEST (all_faults_at_once_in_the_order_of_lines)
{
  g_autoptr (GError) error = NULL;
  const char *last = NULL;

  ck_assert_ptr_null (load ("[arm a]\npipeline = source; train\nsource.n = x\n"
                            "[stage train]\nuses = train\nepoch = 3\nn = -1\n"
                            "[experiment]\nseeds = 1..5\nsedes = 3\nnome = 3\n",
                            NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "5 faults in '");
  for (int line = 3; line <= 11; line += line == 3 ? 3 : line == 7 ? 3 : 1) /* 3, 6, 7, 10, 11 */
    {
      g_autofree char *place = g_strdup_printf ("x.manifest:%d: ", line);
      const char *at = strstr (error->message, place);

      ck_assert_msg (at != NULL, "'%s' lacks '%s'", error->message, place);
      ck_assert (last == NULL || at > last);
      ck_assert_ptr_null (strstr (at + 1, place)); /* told once, though five runs have it */
      last = at;
    }
}
END_TEST

START_TEST (manifests_that_cannot_be_read)
{
  g_autofree char *path = g_build_filename (dir, "huge", NULL), *huge = g_strnfill (2 * 1024 * 1024, '#');
  g_autoptr (GError) missing = NULL, folder = NULL, too_long = NULL;

  ck_assert_ptr_null (pr_experiment_load ("/nonexistent", registry, NULL, &missing));
  ck_assert_pr_error (missing, PR_ERROR_MANIFEST, "no manifest '/nonexistent'");
  ck_assert_ptr_null (pr_experiment_load (dir, registry, NULL, &folder));
  ck_assert_pr_error (folder, PR_ERROR_MANIFEST, "is a folder");
  ck_assert (g_file_set_contents (path, huge, -1, NULL));
  ck_assert_ptr_null (pr_experiment_load (path, registry, NULL, &too_long));
  ck_assert_msg (too_long != NULL && strstr (too_long->message, path) != NULL, "%s", too_long ? too_long->message : "");
}
END_TEST

START_TEST (a_nul_is_no_end)
{
  g_autofree char *path = g_build_filename (dir, "nul", NULL);
  g_autoptr (GError) error = NULL;

  ck_assert (g_file_set_contents (path, "[arm a]\npipeline = source\0; train\n", 33, NULL));
  ck_assert_ptr_null (pr_experiment_load (path, registry, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, ":2: the line is not UTF-8");
}
END_TEST

/* Breaking the contract is not the manifest's fault. */
START_TEST (validate_must_keep_its_contract)
{
  g_autoptr (PrRegistry) breakers = test_registry ("breaks-plan", NULL);
  g_autofree char *silent =
      test_file (dir, "silent", "[stage breaks-plan]\nhow = silent-validate\n[arm a]\npipeline = breaks-plan\n");
  g_autofree char *lying =
      test_file (dir, "lying", "[stage breaks-plan]\nhow = lying-validate\n[arm a]\npipeline = breaks-plan\n");
  g_autoptr (GError) error_silent = NULL, error_lying = NULL;

  ck_assert_ptr_null (pr_experiment_load (silent, breakers, NULL, &error_silent));
  ck_assert_pr_error (error_silent, PR_ERROR_PLUGIN, "validate() of plugin");
  ck_assert_pr_error (error_silent, PR_ERROR_PLUGIN, "did not say why");
  ck_assert_ptr_null (pr_experiment_load (lying, breakers, NULL, &error_lying));
  ck_assert_pr_error (error_lying, PR_ERROR_PLUGIN, "returned success and yet set an error (all is well)");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("experiment");
  TCase *tc = tcase_create ("experiment");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, arms_lists_and_seeds);
  tcase_add_test (tc, a_stage_may_have_a_seed_of_its_own);
  tcase_add_test (tc, little_is_enough);
  tcase_add_test (tc, a_slot_takes_the_latest_of_its_type);
  tcase_add_test (tc, explicit_edges);
  tcase_add_test (tc, only_some_runs);
  tcase_add_test (tc, set_wins_over_manifest_and_list);
  tcase_add_test (tc, paths_start_from_the_manifest_or_the_current_folder);
  tcase_add_loop_test (tc, faults_are_told, 0, G_N_ELEMENTS (faulty));
  tcase_add_loop_test (tc, faults_of_options_are_told, 0, G_N_ELEMENTS (options_faulty));
  tcase_add_test (tc, all_faults_at_once_in_the_order_of_lines);
  tcase_add_test (tc, manifests_that_cannot_be_read);
  tcase_add_test (tc, a_nul_is_no_end);
  tcase_add_test (tc, validate_must_keep_its_contract);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
