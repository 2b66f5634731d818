/* check-probe-attention.c - the probe on a model whose weights were made by hand, so that it is known where every head
 * looks. */
#include "stage-check.h"

#include "lm/layout.h"
#include "pipeline.h"
#include "plugins/probe-attention/keys.h"

#include <pauserec/pauserec.h>

#include <math.h>

#define USERS 6
#define PAUSES 3
#define LEVELS 3
#define QUERIES (PAUSES + LEVELS)
/* Single precision in the model; scores that should be nothing are exp (-100). */
#define TOLERANCE 1e-5

static const char *const inputs[] = { "lm", "dataset", "sids" };

/* Tents are relevant to tents, whatever their codes; item 3 shares its first code with them only.  Item 4 is nothing.
 */
static const gint32 codes[] = { 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 2, 0, 0, 1, 1, 1 };
static const char *const categories[] = { "Tents", "Tents", "Mats", "Mats", NULL, "Tents" };
#define ITEMS 6

/* The last item is the target; user 2's has no category, user 3 has nothing before it. */
static const gint32 bought[USERS][8] = {
  { 2, 0, 3, 5, 1, -1 }, { 0, 2, 1, -1 }, { 0, 4, -1 }, { 1, -1 }, { 3, 2, 0, -1 }, { 0, 1, 2, 3, 5, 0, 1, -1 },
};

/* What pause 1 has to look at, counted by hand: "B:", at most four purchases of three codes, a comma between two, ".",
 * <think>, and itself. */
#define EXPECTED 4
static const gint32 expected_users[EXPECTED] = { 0, 1, 4, 5 };
static const double expected[EXPECTED][KEYS_N_CLASSES] = {
  /* instruction, separator, relevant, other, tags, pauses, decoded, self, border, first, last, oldest, newest, same */
  { 3, 3, 6, 6, 1, 0, 0, 1, 11, 4, 4, 3, 3, 6 },
  { 3, 1, 3, 3, 1, 0, 0, 1, 5, 2, 2, 3, 3, 3 },
  { 3, 1, 0, 6, 1, 0, 0, 1, 5, 2, 2, 3, 3, 3 },
  { 3, 3, 6, 6, 1, 0, 0, 1, 11, 4, 4, 3, 3, 6 },
};
/* First codes <a_0> in each of these prompts. */
static const double first_a0[EXPECTED] = { 2, 1, 1, 2 };

static char *
below (const char *dir, const char *name)
{
  char *path = g_build_filename (dir, name, NULL);

  g_mkdir (path, 0700);
  return path;
}

static void
make_dataset (const char *dir)
{
  g_autofree char *path = below (dir, "dataset");
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("tents");

  for (gint32 i = 0; i < ITEMS; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", i);
      const char *const way[] = { categories[i] != NULL ? "Out" : NULL, categories[i], NULL };
      PrItem item = { id, id, "", "", way };

      pr_dataset_builder_add_item (builder, &item);
    }
  for (gint32 u = 0; u < USERS; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", u);
      gint64 n = 0;

      while (bought[u][n] >= 0)
        n++;
      pr_dataset_builder_add_user (builder, id, bought[u], n);
    }
  ck_assert (pr_dataset_builder_write (builder, path, NULL));
}

static PrSids *
make_sids (const char *dir, gint64 n)
{
  const gint32 sizes[] = { 3, 2, 2 };
  g_autofree char *path = below (dir, "sids");
  PrSids *sids = pr_sids_new (n, LEVELS, sizes);

  memcpy (sids->codes, codes, (gsize)(n * LEVELS) * sizeof *codes);
  ck_assert (pr_sids_save (sids, "keep", path, NULL));
  return sids;
}

/* Features of the residual stream. */
enum
{
  ONE,   /* of every token */
  THINK, /* of <think> */
  CODE,  /* of <a_0> */
  LATE,  /* written by layer 0 at pauses: the more of them are seen, the larger */
  PAUSE, /* of <pause> */
  HIDDEN = 8,
  HEAD_DIM = 4,
};

/* Heads read and write their second dimension, which this theta hardly rotates. */
#define THETA 1e12

static float *
weight (PrLm *lm, gint64 matrix, gint64 row, gint64 column, gint64 columns)
{
  return lm->weights + matrix + row * columns + column;
}

/* Layer 0: head 0 looks everywhere, head 1 at <think>, head 2 at <a_0>, head 3 anywhere else.  Layer 1: head 0 at
 * <a_0>, the more pauses there were; the others everywhere. */
static void
wire (PrLm *lm)
{
  const PrLmLayerOffsets *a = &lm->layout->layers[0], *b = &lm->layout->layers[1];
  gint64 q = 4 * HEAD_DIM;

  *weight (lm, a->q, 1 * HEAD_DIM + 1, ONE, HIDDEN) = 8;
  *weight (lm, a->q, 2 * HEAD_DIM + 1, ONE, HIDDEN) = 8;
  *weight (lm, a->q, 3 * HEAD_DIM + 1, ONE, HIDDEN) = -8;
  *weight (lm, a->k, 0 * HEAD_DIM + 1, THINK, HIDDEN) = 8;
  *weight (lm, a->k, 1 * HEAD_DIM + 1, CODE, HIDDEN) = 8;
  *weight (lm, a->v, 0 * HEAD_DIM + 1, PAUSE, HIDDEN) = 1;
  *weight (lm, a->o, LATE, 0 * HEAD_DIM + 1, q) = 5;
  *weight (lm, b->q, 0 * HEAD_DIM + 1, LATE, HIDDEN) = 0.25f;
  *weight (lm, b->k, 0 * HEAD_DIM + 1, CODE, HIDDEN) = 8;
}

static void
make_lm (const char *dir, const PrSids *sids, const PrProtocol *protocol, gint32 max_positions)
{
  const PrLmConfig config = { .family = PR_LM_LLAMA,
                              .vocab = 261,
                              .hidden = HIDDEN,
                              .layers = 2,
                              .heads = 4,
                              .kv_heads = 2,
                              .head_dim = HEAD_DIM,
                              .ffn = 8,
                              .max_positions = max_positions,
                              .rope_theta = THETA,
                              .rms_eps = 1e-6,
                              .init_sd = 0 };
  g_autofree char *path = below (dir, "lm");
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (PrLm) lm = pr_lm_new (&config, pr_tokenizer_train (documents, 261, NULL), 5, &error);
  g_auto (GStrv) names = pr_sids_token_names (sids);
  static const char *const pause[] = { PR_PAUSE_TOKEN, NULL };
  PrTokenizer *tokenizer;

  ck_assert_no_error (error);
  ck_assert (pr_lm_add_tokens (lm, (const char *const *)names, PR_ROW_INIT_NORMAL, 1, &error));
  ck_assert (pr_lm_add_tokens (lm, pause, PR_ROW_INIT_NORMAL, 2, &error));
  tokenizer = pr_lm_tokenizer (lm);
  for (gint32 t = 0; t < pr_tokenizer_vocab_size (tokenizer); t++)
    pr_lm_embedding_row (lm, t)[ONE] = 1;
  pr_lm_embedding_row (lm, pr_tokenizer_lookup (tokenizer, "<think>"))[THINK] = 1;
  pr_lm_embedding_row (lm, pr_tokenizer_lookup (tokenizer, "<a_0>"))[CODE] = 1;
  pr_lm_embedding_row (lm, pr_tokenizer_lookup (tokenizer, PR_PAUSE_TOKEN))[PAUSE] = 1;
  wire (lm);
  if (protocol != NULL)
    pr_lm_set_protocol (lm, protocol);
  ck_assert_msg (pr_lm_save (lm, path, &error), "%s", error ? error->message : "");
}

static char *
make_world (PrThinking thinking, gint64 pauses, gint32 max_positions)
{
  char *dir = pr_check_tmpdir ();
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("B:{history}.", ",", 4);
  g_autoptr (PrSids) sids = make_sids (dir, ITEMS);

  protocol->thinking = thinking;
  protocol->pauses = pauses;
  make_dataset (dir);
  make_lm (dir, sids, protocol, max_positions);
  return dir;
}

static void
drop_world (char *dir)
{
  pr_check_rmdir (dir);
  g_free (dir);
}

static StageCheck
look (const char *dir, const char *const *set)
{
  StageCheck check = { .stage = pr_plugin.stages[0], .dir = dir, .in = inputs, .set = set };
  g_autoptr (GError) error = NULL;

  ck_assert_msg (stage_check_run (&check, &error), "%s", error ? error->message : "");
  return check;
}

static const GArray *
column (const StageCheck *check, const char *table, const char *name)
{
  for (guint i = 0; i < check->record->columns->len; i++)
    {
      const PrRecordColumn *c = g_ptr_array_index (check->record->columns, i);

      if (strcmp (c->table, table) == 0 && strcmp (c->column, name) == 0)
        return c->values;
    }
  ck_abort_msg ("no column %s of %s", name, table);
}

/* WHAT of the row of TABLE that has these values in columns layer, head, query and, unless negative, class. */
static double
value (const StageCheck *check, const char *table, const char *what, int layer, int head, int query, int class)
{
  const GArray *layers = column (check, table, "layer"), *heads = column (check, table, "head");
  const GArray *queries = column (check, table, "query"), *values = column (check, table, what);
  const GArray *classes = class >= 0 ? column (check, table, "class") : NULL;

  for (guint i = 0; i < values->len; i++)
    if (g_array_index (layers, double, i) == layer && g_array_index (heads, double, i) == head
        && g_array_index (queries, double, i) == query
        && (classes == NULL || g_array_index (classes, double, i) == class))
      return g_array_index (values, double, i);
  ck_abort_msg ("no row for layer %d, head %d, query %d, class %d", layer, head, query, class);
}

/* Positions of CLASS that QUERY of expected user U sees; KEYS_N_CLASSES: all. */
static double
seen (int u, int query, int class)
{
  double all = 0, n = class < KEYS_N_CLASSES ? expected[u][class] : 0;

  for (int c = 0; c < KEYS_N_PARTS; c++)
    all += expected[u][c];
  if (class == KEYS_N_CLASSES)
    return all + query;
  if (class == KEYS_PAUSES)
    return MIN (query, PAUSES);
  if (class == KEYS_DECODED)
    return MAX (query - PAUSES - 1, 0);
  return n + (class == KEYS_TAGS && query > PAUSES);
}

/* Mean over users of the share of CLASS. */
static double
share (int query, int class)
{
  double sum = 0;

  for (int u = 0; u < EXPECTED; u++)
    sum += seen (u, query, class) / seen (u, query, KEYS_N_CLASSES);
  return sum / EXPECTED;
}

START_TEST (a_uniform_head_has_lift_one)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, NULL);

  for (int query = 0; query < QUERIES; query++)
    {
      double entropy = 0, keys = 0;

      for (int u = 0; u < EXPECTED; u++)
        {
          entropy += log (seen (u, query, KEYS_N_CLASSES)) / EXPECTED;
          keys += seen (u, query, KEYS_N_CLASSES) / EXPECTED;
        }
      for (int class = 0; class < KEYS_N_CLASSES; class ++)
        {
          double lift = value (&check, "attention_mass", "lift", 1, 2, query, class);

          ck_assert_double_eq_tol (value (&check, "attention_mass", "share", 1, 2, query, class), share (query, class),
                                   1e-12);
          ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 1, 2, query, class), share (query, class),
                                   TOLERANCE);
          ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 0, query, class), share (query, class),
                                   TOLERANCE);
          if (share (query, class) == 0)
            ck_assert (isnan (lift));
          else
            {
              ck_assert_double_eq_tol (lift, 1, TOLERANCE * 10);
              ck_assert_double_eq_tol (value (&check, "attention_mass", "lift_se", 1, 2, query, class), 0,
                                       TOLERANCE * 10);
            }
        }
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "entropy", 1, 2, query, -1), entropy, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "effective", 1, 2, query, -1), keys,
                               TOLERANCE * 100);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "keys", 1, 2, query, -1), keys, 1e-12);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "evenness", 1, 2, query, -1), 1, TOLERANCE);
    }
  ck_assert_double_eq (stage_check_metric (&check, "users"), EXPECTED);
  ck_assert_double_eq (stage_check_metric (&check, "users_without_category"), 1);
  ck_assert_double_gt (check.record->costs[PR_COST_FLOPS], 0);
  drop_world (dir);
}
END_TEST

START_TEST (heads_that_look_at_one_token)
{
  /* Of the one or two <a_0>: none of user 0's tents... one is; user 1's is; user 4's is a mat; one of user 5's is. */
  static const double relevant[EXPECTED] = { 0.5, 1, 0, 0.5 };
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, NULL);
  double residuals = 0;

  for (int query = 0; query <= PAUSES; query++)
    {
      double mean = 0, entropy = 0, rest = 0, others = 0;

      for (int u = 0; u < EXPECTED; u++)
        {
          mean += relevant[u] / EXPECTED;
          entropy += log (first_a0[u]) / EXPECTED;
          rest += seen (u, query, KEYS_INSTRUCTION) / (seen (u, query, KEYS_N_CLASSES) - first_a0[u]) / EXPECTED;
          others += (seen (u, query, KEYS_ITEM_FIRST) - first_a0[u]) / (seen (u, query, KEYS_N_CLASSES) - first_a0[u])
                    / EXPECTED;
        }
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 1, query, KEYS_TAGS), 1, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "lift", 0, 1, query, KEYS_TAGS),
                               1 / share (query, KEYS_TAGS), 1e-3);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 1, query, KEYS_RELEVANT), 0, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "entropy", 0, 1, query, -1), 0, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "effective", 0, 1, query, -1), 1, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_RELEVANT), mean, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_OTHER), 1 - mean, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_ITEM_FIRST), 1, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_SAME_CODE), 1, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_ITEM_LAST), 0, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "entropy", 0, 2, query, -1), entropy, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 3, query, KEYS_INSTRUCTION), rest,
                               TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 3, query, KEYS_ITEM_FIRST), others,
                               TOLERANCE);
    }
  /* A mass of 1 on one position of 20, 12, 12 and 20: a ratio of means, and the error of one. */
  for (int u = 0; u < EXPECTED; u++)
    residuals += pow (1 - 1 / (seen (u, 0, KEYS_N_CLASSES) * share (0, KEYS_TAGS)), 2);
  ck_assert_double_eq_tol (value (&check, "attention_mass", "lift_se", 0, 1, 0, KEYS_TAGS),
                           sqrt (residuals / EXPECTED / (EXPECTED - 1)) / share (0, KEYS_TAGS), 1e-3);
  /* 0, 1 and twice 1/2: variance 1/8 over four users. */
  ck_assert_double_eq_tol (value (&check, "attention_mass", "mass_se", 0, 2, 0, KEYS_RELEVANT), sqrt (0.125 / 3),
                           TOLERANCE);
  drop_world (dir);
}
END_TEST

/* Layers and the whole are means of their heads, and the parts share out everything. */
START_TEST (means_are_means)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, NULL);

  for (int query = 0; query < QUERIES; query++)
    {
      double whole = 0, parts = 0;

      for (int layer = 0; layer < 2; layer++)
        {
          double sum = 0;

          for (int head = 0; head < 4; head++)
            sum += value (&check, "attention_mass", "mass", layer, head, query, KEYS_BORDER) / 4;
          ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", layer, -1, query, KEYS_BORDER), sum, 1e-12);
          whole += sum / 2;
        }
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", -1, -1, query, KEYS_BORDER), whole, 1e-12);
      for (int class = 0; class < KEYS_N_PARTS; class ++)
        parts += value (&check, "attention_mass", "mass", -1, -1, query, class);
      ck_assert_double_eq_tol (parts, 1, TOLERANCE);
    }
  ck_assert_double_eq (stage_check_metric (&check, "mass_border_pause3"),
                       value (&check, "attention_mass", "mass", -1, -1, 2, KEYS_BORDER));
  ck_assert_double_eq (stage_check_metric (&check, "mass_self_answer"),
                       value (&check, "attention_mass", "mass", -1, -1, PAUSES, KEYS_SELF));
  ck_assert_double_eq (stage_check_metric (&check, "entropy_code2"),
                       value (&check, "attention_entropy", "entropy", -1, -1, PAUSES + 2, -1));
  drop_world (dir);
}
END_TEST

/* What pause QUERY of expected user U spends on <a_0> in the head that narrows. */
static double
narrow (int u, int query)
{
  double n = seen (u, query, KEYS_N_CLASSES), late = 5 * 2 * (query + 1) / n;
  double q = 0.25 * late / sqrt ((1 + 1 + late * late) / HIDDEN), k = 8 * 2;
  double e = exp (q * k / sqrt (HEAD_DIM));

  return first_a0[u] * e / (first_a0[u] * e + n - first_a0[u]);
}

static const GArray *
users_of (const StageCheck *check, const char *name)
{
  for (guint i = 0; i < check->record->users->len; i++)
    {
      const PrRecordUsers *u = g_ptr_array_index (check->record->users, i);

      if (strcmp (u->name, name) == 0)
        return u->values;
    }
  ck_abort_msg ("nothing of users is called %s", name);
}

/* A head that narrows from pause to pause, and the last pause against the first, user by user. */
START_TEST (late_pauses_look_narrowly)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, NULL);
  const GArray *difference = users_of (&check, "same_code_difference");
  double sum = 0, squares = 0;

  for (int query = 0; query < PAUSES; query++)
    {
      double mean = 0, dense = 0;

      for (int u = 0; u < EXPECTED; u++)
        {
          double m = narrow (u, query), n = seen (u, query, KEYS_N_CLASSES);

          mean += m / EXPECTED;
          /* What is not spent on <a_0> is spread evenly over the other codes of such purchases, among others. */
          dense += (m + (1 - m) * (seen (u, query, KEYS_SAME_CODE) - first_a0[u]) / (n - first_a0[u])) / EXPECTED;
        }
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 1, 0, query, KEYS_SAME_CODE), dense,
                               TOLERANCE * 10);
      ck_assert (query == 0 || mean > narrow (0, 0));
    }
  ck_assert_double_lt (value (&check, "attention_entropy", "entropy", 1, 0, 2, -1),
                       value (&check, "attention_entropy", "entropy", 1, 0, 0, -1) - 0.2);
  ck_assert_uint_eq (difference->len, USERS);
  for (int u = 0, e = 0; u < USERS; u++)
    {
      gboolean drawn = e < EXPECTED && expected_users[e] == u;
      double d = (double)g_array_index (difference, float, u);

      ck_assert (drawn != isnan (d));
      sum += drawn ? d : 0;
      squares += drawn ? d * d : 0;
      e += drawn;
    }
  ck_assert_double_eq_tol (stage_check_metric (&check, "same_code_difference"),
                           value (&check, "attention_mass", "mass", -1, -1, 2, KEYS_SAME_CODE)
                               - value (&check, "attention_mass", "mass", -1, -1, 0, KEYS_SAME_CODE),
                           TOLERANCE);
  ck_assert_double_eq_tol (stage_check_metric (&check, "same_code_difference_se"),
                           sqrt ((squares / EXPECTED - sum / EXPECTED * (sum / EXPECTED)) / (EXPECTED - 1)), TOLERANCE);
  /* User 4 has no relevant purchase; of user 1's two, layer 0's head 2 looks at the relevant one alone. */
  ck_assert (isnan (g_array_index (users_of (&check, "selectivity_first"), float, 4)));
  ck_assert (isnan (g_array_index (users_of (&check, "relevant_last"), float, 4)));
  ck_assert_float_gt (g_array_index (users_of (&check, "selectivity_first"), float, 1), 1.1f);
  drop_world (dir);
}
END_TEST

START_TEST (maps_of_single_users)
{
  static const char *const all[] = { "maps=heads", "cases=1", "users=2", NULL };
  static const char *const none[] = { "cases=0", NULL };
  static const char *const mean[] = { "maps=mean", "cases=9", NULL };
  static const gint64 rows[] = { 1 + 2 + 8, 0, 1 };
  const char *const *const sets[] = { all, none, mean };
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, sets[_i]);
  double sum = 0, keys = 0, users = _i == 0 ? 1 : 3;

  if (_i == 1)
    {
      for (guint i = 0; i < check.record->columns->len; i++)
        ck_assert_str_ne (((PrRecordColumn *)g_ptr_array_index (check.record->columns, i))->table, "attention_cases");
      drop_world (dir);
      return;
    }
  const GArray *weights = column (&check, "attention_cases", "weight"),
               *who = column (&check, "attention_cases", "user");
  const GArray *classes = column (&check, "attention_cases", "class"),
               *items = column (&check, "attention_cases", "item");

  for (guint i = 0; i < weights->len; i++)
    {
      int class = (int)g_array_index (classes, double, i);

      sum += g_array_index (weights, double, i);
      /* User 4 has nothing relevant to look at; users 2 and 3 are nobody's. */
      ck_assert (g_array_index (who, double, i) < 2 || g_array_index (who, double, i) == 5);
      ck_assert (class >= 0 && class < KEYS_N_PARTS);
      if (class == KEYS_RELEVANT)
        ck_assert_str_eq (categories[(int)g_array_index (items, double, i)], "Tents");
    }
  for (int u = 0; u < EXPECTED; u++)
    for (int query = 0; query < QUERIES && expected_users[u] != 4; query++)
      keys += seen (u, query, KEYS_N_CLASSES);
  ck_assert_double_eq_tol (sum, users * QUERIES * (double)rows[_i], 1e-3);
  if (_i == 2)
    ck_assert_double_eq (weights->len, keys);
  drop_world (dir);
}
END_TEST

/* Neither the number of threads nor who else is looked at shows in what is said of a user. */
START_TEST (same_numbers_for_any_number_of_threads)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) one = look (dir, NULL);
  g_auto (StageCheck) three = { 0 };

  pr_threads_set (3);
  three = look (dir, NULL);
  ck_assert_uint_eq (one.record->columns->len, three.record->columns->len);
  for (guint i = 0; i < one.record->columns->len; i++)
    {
      const PrRecordColumn *a = g_ptr_array_index (one.record->columns, i),
                           *b = g_ptr_array_index (three.record->columns, i);

      ck_assert_uint_eq (a->values->len, b->values->len);
      ck_assert_mem_eq (a->values->data, b->values->data, a->values->len * sizeof (double));
    }
  drop_world (dir);
}
END_TEST

static void
fails (char *dir, PrError code, const char *part)
{
  g_auto (StageCheck) check = { .stage = pr_plugin.stages[0], .dir = dir, .in = inputs };
  g_autoptr (GError) error = NULL;

  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, code, part);
  drop_world (dir);
}

START_TEST (what_cannot_be_looked_at_is_refused)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_autoptr (PrSids) sids = make_sids (dir, ITEMS);

  make_lm (dir, sids, NULL, 64);
  fails (dir, PR_ERROR_MANIFEST, "no protocol.json");
  fails (make_world (PR_THINKING_NONE, 0, 64), PR_ERROR_MANIFEST, "not trained to pause");
  fails (make_world (PR_THINKING_PAUSE, 0, 64), PR_ERROR_MANIFEST, "k = 0");
  fails (make_world (PR_THINKING_PAUSE, PAUSES, 24), PR_ERROR_DATA, "tokens, the model takes 24");
  dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  pr_sids_free (make_sids (dir, ITEMS - 1));
  fails (dir, PR_ERROR_DATA, "5 items");
}
END_TEST

/* Said before anything runs. */
START_TEST (plans_are_refused)
{
  static const char *const plugins[] = {
    "synthetic-world", "item-embedder",  "sid-quantizer", "lm-pretrain",     "sid-grounding",
    "next-item-sft",   "pause-pretrain", "pause-sft",     "probe-attention", NULL
  };
  static const struct
  {
    const char *pipeline, *part;
  } cases[] = {
    { "synthetic-world; item-embedder; sid-quantizer; lm-pretrain; probe-attention", "no semantic ids" },
    { "synthetic-world; item-embedder; sid-quantizer; lm-pretrain; sid-grounding; probe-attention", "not fine-tuned" },
    { "synthetic-world; item-embedder; sid-quantizer; lm-pretrain; sid-grounding; next-item-sft; probe-attention",
      "thinks in mode 'none'" },
    { "synthetic-world; item-embedder; sid-quantizer; lm-pretrain; sid-grounding; next-item-sft; pause-pretrain; "
      "pause-sft; probe-attention",
      NULL },
  };
  g_autofree char *text =
      g_strdup_printf ("[experiment]\nname = t\nseeds = 1\n[stage pause-pretrain]\nin.lm = sid-grounding.lm\n"
                       "[stage pause-sft]\nin.lm = next-item-sft.lm\n[arm a]\npipeline = %s\n",
                       cases[_i].pipeline);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrRunPlan) plan = NULL;
  Pipeline p;

  /* Stages that are not in the pipeline may not be configured. */
  if (cases[_i].part != NULL)
    {
      g_free (text);
      text = g_strdup_printf ("[experiment]\nname = t\nseeds = 1\n[arm a]\npipeline = %s\n", cases[_i].pipeline);
    }
  ck_assert_msg (pipeline_init (&p, text, plugins, &error), "%s", error ? error->message : "");
  plan = pr_run_plan_new (p.experiment->runs->pdata[0], NULL, NULL, &error);
  if (cases[_i].part == NULL)
    ck_assert_no_error (error);
  else
    ck_assert_pr_error (error, PR_ERROR_MANIFEST, cases[_i].part);
  pipeline_clear (&p);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("probe-attention");
  TCase *tcase = tcase_create ("probe-attention");

  suite_add_tcase (suite, tcase);
  tcase_set_timeout (tcase, 60);
  tcase_add_test (tcase, a_uniform_head_has_lift_one);
  tcase_add_test (tcase, heads_that_look_at_one_token);
  tcase_add_test (tcase, means_are_means);
  tcase_add_test (tcase, late_pauses_look_narrowly);
  tcase_add_loop_test (tcase, maps_of_single_users, 0, 3);
  tcase_add_test (tcase, same_numbers_for_any_number_of_threads);
  tcase_add_test (tcase, what_cannot_be_looked_at_is_refused);
  tcase_add_loop_test (tcase, plans_are_refused, 0, 4);
  return pr_check_main (suite);
}
