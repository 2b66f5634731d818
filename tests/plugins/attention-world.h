/* attention-world.h - probe-attention on a model whose weights were made by hand, so that it is known where every head
 * looks.  The stage's source is linked into the test. */
#ifndef ATTENTION_WORLD_H
#define ATTENTION_WORLD_H

#include "stage-check.h"

#include "lm/layout.h"
#include "plugins/probe-attention/keys.h"

#include <pauserec/pauserec.h>

#define USERS 6
#define PAUSES 3
#define LEVELS 3
#define QUERIES (PAUSES + LEVELS)
/* Single precision in the model; scores that should be nothing are exp (-100). */
#define TOLERANCE 1e-5

static const char *const world_inputs[] = { "lm", "dataset", "sids" };

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

static inline char *
below (const char *dir, const char *name)
{
  char *path = g_build_filename (dir, name, NULL);

  g_mkdir (path, 0700);
  return path;
}

static inline void
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

static inline PrSids *
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

static inline float *
weight (PrLm *lm, gint64 matrix, gint64 row, gint64 column, gint64 columns)
{
  return lm->weights + matrix + row * columns + column;
}

/* Layer 0: head 0 looks everywhere, head 1 at <think>, head 2 at <a_0>, head 3 anywhere else.  Layer 1: head 0 at
 * <a_0>, the more pauses there were; the others everywhere. */
static inline void
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

static inline void
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

static inline char *
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

static inline void
drop_world (char *dir)
{
  pr_check_rmdir (dir);
  g_free (dir);
}

static inline StageCheck
look (const char *dir, const char *const *set)
{
  StageCheck check = { .stage = pr_plugin.stages[0], .dir = dir, .in = world_inputs, .set = set };
  g_autoptr (GError) error = NULL;

  ck_assert_msg (stage_check_run (&check, &error), "%s", error ? error->message : "");
  return check;
}

/* WHAT of the row of TABLE that has these values in columns layer, head, query and, unless negative, class. */
static inline double
value (const StageCheck *check, const char *table, const char *what, int layer, int head, int query, int class)
{
  const GArray *layers = record_column (check->record, table, "layer"),
               *heads = record_column (check->record, table, "head");
  const GArray *queries = record_column (check->record, table, "query"),
               *values = record_column (check->record, table, what);
  const GArray *classes = class >= 0 ? record_column (check->record, table, "class") : NULL;

  for (guint i = 0; i < values->len; i++)
    if (g_array_index (layers, double, i) == layer && g_array_index (heads, double, i) == head
        && g_array_index (queries, double, i) == query
        && (classes == NULL || g_array_index (classes, double, i) == class))
      return g_array_index (values, double, i);
  ck_abort_msg ("no row for layer %d, head %d, query %d, class %d", layer, head, query, class);
}

/* Positions of CLASS that QUERY of expected user U sees; KEYS_N_CLASSES: all. */
static inline double
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
static inline double
share (int query, int class)
{
  double sum = 0;

  for (int u = 0; u < EXPECTED; u++)
    sum += seen (u, query, class) / seen (u, query, KEYS_N_CLASSES);
  return sum / EXPECTED;
}

#endif
