/* Manifests mutated at random, the same ones every time: each is read or refused with a MANIFEST error, nothing else.
 */
#include "plugins-for-tests.h"
#include "runtime/plan.h"

#include <pauserec/rng.h>

#define N_MUTANTS 400
#define BATCHES 4

static const char seed_text[] =
    "# A manifest that uses everything.\n"
    "[experiment]\nname = fuzz\nquestion = why?\nseeds = 1; 3..4\nmetric = hit_10\nbaseline = plain\n\n"
    "[stage data]\nuses = source\nn = 12\nx = -0.5\ntext = a\\sb\\n\ncolour = red\nsizes = 1,2,3\n\n"
    "[stage more]\nuses = train\nin.start = train.model\nflag = false\n\n"
    "[stage score]\nin.model = more.model\n\n"
    "[arm plain]\npipeline = data; train; more; score\n\n"
    "[arm swept]\npipeline = data; train; more; score\ntrain.n = 1; 2; 3\nmore.x = 0.5; 1\n";

/* What is likely to hurt. */
static const char *const splices[] = { "[",
                                       "]",
                                       "=",
                                       ";",
                                       "\n",
                                       "\\",
                                       ".",
                                       "..",
                                       "[arm plain]",
                                       "in.",
                                       "none",
                                       "\xff",
                                       "\xc3",
                                       "99999999999999999999",
                                       "pipeline = ",
                                       "seeds = 0..9999\n",
                                       "uses = twin\n",
                                       "-",
                                       "nan",
                                       "#",
                                       "\r\n",
                                       "%s%n",
                                       "experiment",
                                       "[stage ",
                                       "/",
                                       "" };

/* The text after changes: one small one, or up to eight larger ones. */
static GString *
mutate (guint64 mutant)
{
  PrRng rng = pr_rng_new (20260614, "manifest-fuzz");
  GString *text = g_string_new (seed_text);
  guint64 n = 1 + pr_rng_below (rng, mutant, 0, mutant % 2 ? 8 : 1);

  for (guint64 i = 0; i < n; i++)
    {
      gsize at = (gsize)pr_rng_below (rng, mutant, 10 * i + 1, text->len + 1);
      gsize length = (gsize)pr_rng_below (rng, mutant, 10 * i + 2, MIN (text->len - at, mutant % 2 ? 40 : 6) + 1);
      gsize to = (gsize)pr_rng_below (rng, mutant, 10 * i + 3, text->len + 1);
      const char *splice = splices[pr_rng_below (rng, mutant, 10 * i + 4, G_N_ELEMENTS (splices))];
      g_autofree char *piece = g_strndup (text->str + at, length);

      switch (pr_rng_below (rng, mutant, 10 * i + 5, 5))
        {
        case 0: /* lose a piece */
          g_string_erase (text, (gssize)at, (gssize)length);
          break;
        case 1: /* say a piece again elsewhere */
          g_string_insert (text, (gssize)to, piece);
          break;
        case 2: /* change a byte */
          if (at < text->len)
            text->str[at] = (char)pr_rng_below (rng, mutant, 10 * i + 6, 256);
          break;
        case 3: /* put in something nasty */
          g_string_insert (text, (gssize)at, splice);
          break;
        default: /* end early */
          if (pr_rng_below (rng, mutant, 10 * i + 7, 8) == 0)
            g_string_truncate (text, at);
        }
    }
  return text;
}

START_TEST (mutants_are_read_or_refused)
{
  g_autoptr (PrRegistry) registry = test_registry ("sound", NULL);
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "x.manifest", NULL);
  guint n_sound = 0, n_refused = 0;

  for (guint64 mutant = (guint64)_i * N_MUTANTS; mutant < ((guint64)_i + 1) * N_MUTANTS; mutant++)
    {
      g_autoptr (GString) text = mutate (mutant);
      g_autoptr (PrExperiment) experiment = NULL;
      g_autoptr (GError) error = NULL;

      g_unlink (path); /* some versions of GLib do not truncate */
      ck_assert (g_file_set_contents_full (path, text->str, (gssize)text->len, G_FILE_SET_CONTENTS_NONE, 0644, NULL));
      experiment = pr_experiment_load (path, registry, NULL, &error);
      ck_assert_msg ((experiment != NULL) != (error != NULL), "mutant %d says both or nothing", (int)mutant);
      if (error != NULL)
        {
          ck_assert_msg (g_error_matches (error, PR_ERROR, PR_ERROR_MANIFEST), "mutant %d: %s", (int)mutant,
                         error->message);
          ck_assert_msg (g_utf8_validate (error->message, -1, NULL), "mutant %d: complaint is not UTF-8", (int)mutant);
          n_refused++;
          continue;
        }
      for (guint i = 0; i < experiment->runs->len && i < 20; i++)
        {
          g_autoptr (PrRunPlan) plan = pr_run_plan_new (experiment->runs->pdata[i], NULL, NULL, &error);

          ck_assert_msg (plan != NULL, "mutant %d: %s", (int)mutant, error ? error->message : "");
        }
      n_sound++;
    }
  /* A fuzzer whose mutants all fall at the first hurdle tests little. */
  ck_assert_uint_gt (n_sound, N_MUTANTS / 50);
  ck_assert_uint_gt (n_refused, N_MUTANTS / 4);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("manifest-fuzz");
  TCase *tc = tcase_create ("manifest-fuzz");

  tcase_set_timeout (tc, 120);
  tcase_add_loop_test (tc, mutants_are_read_or_refused, 0, BATCHES);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
