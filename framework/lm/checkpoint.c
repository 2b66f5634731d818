#include "config.h"

#include <pauserec/tensors.h>

#include "lm/trainer.h"
#include "runtime/sha256.h"

#include <glib/gstdio.h>
#include <string.h>

#define KEPT 2
#define FINGERPRINT_DIGITS 16 /* in the file's name; the whole stands in its metadata */

/* Everything the result depends on.  Inputs of the stage are part of the scratch folder's key; the start weights are
 * here, since a stage may train several times. */
char *
pr_checkpoint_fingerprint (const PrTrainer *trainer)
{
  const PrTrainParams *p = trainer->params;
  const PrTraining *t = trainer->training;
  const PrLmConfig *c = &trainer->lm->config;
  g_autofree char *weights = pr_sha256_bytes (trainer->lm->weights, (gsize)trainer->lm->layout->size * sizeof (float));
  g_autofree char *rows = t->rows != NULL ? pr_sha256_bytes (t->rows, t->n_rows * sizeof (gint32)) : g_strdup ("all");
  g_autofree char *series = g_strjoinv (" ", t->series != NULL ? (char **)t->series : (char *[]){ NULL });
  g_autofree char *text = g_strdup_printf (
      "pauserec-checkpoint/2 %s examples %" G_GSIZE_FORMAT " shuffle %d rows %s valid %" G_GSIZE_FORMAT " score %s\n"
      "epochs %a max_steps %" G_GINT64_FORMAT " batch %" G_GINT64_FORMAT " lr %a schedule %d warmup %a min_lr %a\n"
      "wd %a beta1 %a beta2 %a eps %a clip %a dropout %a chunk %" G_GINT64_FORMAT " eval %" G_GINT64_FORMAT " best %d\n"
      "seed %" G_GUINT64_FORMAT " model %d %d %d %d %d %d %d %d %d %a %a\nweights %s\n"
      "state %" G_GSIZE_FORMAT " epochs %d rounds %d of %" G_GINT64_FORMAT " objective %d temperature %a series %s\n",
      t->name, t->n_examples, t->shuffle, rows, t->n_valid, t->score != NULL ? t->score_name : "none",  //
      p->epochs, (gint64)p->max_steps, (gint64)p->batch_size, p->lr, p->schedule, p->warmup, p->min_lr, //
      p->weight_decay, p->beta1, p->beta2, p->eps, p->clip, p->dropout, (gint64)p->chunk_tokens, (gint64)p->eval_every,
      p->keep_best, //
      trainer->seed, c->family, c->vocab, c->hidden, c->layers, c->heads, c->kv_heads, c->head_dim, c->ffn,
      c->max_positions, c->rope_theta, c->rms_eps, weights, t->state_bytes, t->begin_epoch != NULL,
      t->make_round != NULL, (gint64)t->round_steps, t->objective != NULL, t->temperature, series);

  return pr_sha256_bytes (text, strlen (text));
}

static char *
file_prefix (const PrTrainer *trainer)
{
  return g_strdup_printf ("%s-%.*s-", trainer->training->name, FINGERPRINT_DIGITS, trainer->fingerprint);
}

static char *
file_path (const PrTrainer *trainer, guint64 step)
{
  g_autofree char *prefix = file_prefix (trainer);
  g_autofree char *name = g_strdup_printf ("%s%" G_GUINT64_FORMAT ".safetensors", prefix, step);

  return g_build_filename (pr_run_scratch_dir (trainer->run), name, NULL);
}

static gint
newest_first (gconstpointer a, gconstpointer b)
{
  guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

  return x < y ? 1 : x > y ? -1 : 0;
}

/* Steps of this training's checkpoints, newest first. */
static GArray *
list_steps (const PrTrainer *trainer)
{
  g_autofree char *prefix = file_prefix (trainer);
  GArray *steps = g_array_new (FALSE, FALSE, sizeof (guint64));
  GDir *dir = g_dir_open (pr_run_scratch_dir (trainer->run), 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      const char *digits;
      char *end;
      guint64 step;

      if (!g_str_has_prefix (name, prefix))
        continue;
      digits = name + strlen (prefix);
      step = g_ascii_strtoull (digits, &end, 10);
      if (end > digits && strcmp (end, ".safetensors") == 0)
        g_array_append_val (steps, step);
    }
  if (dir != NULL)
    g_dir_close (dir);
  g_array_sort (steps, newest_first);
  return steps;
}

/* The numbers of STATE as one line, which the digest covers. */
static char *
state_text (const PrTrainState *s)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %d %a %" G_GUINT64_FORMAT,
                          s->step, s->n_empty, s->n_seen, s->has_best, s->best, s->best_step);
}

static gboolean
state_parse (const char *text, PrTrainState *s)
{
  g_auto (GStrv) words = g_strsplit (text != NULL ? text : "", " ", -1);

  if (g_strv_length (words) != 6)
    return FALSE;
  s->step = g_ascii_strtoull (words[0], NULL, 10);
  s->n_empty = g_ascii_strtoull (words[1], NULL, 10);
  s->n_seen = g_ascii_strtoull (words[2], NULL, 10);
  s->has_best = words[3][0] == '1';
  s->best = g_ascii_strtod (words[4], NULL);
  s->best_step = g_ascii_strtoull (words[5], NULL, 10);
  return TRUE;
}

/* One array of a checkpoint. */
typedef struct
{
  const char *name;
  PrDtype dtype;
  gint64 rows, columns;
  const void *data;
} Part;

#define MAX_PARTS 7

static gsize
part_bytes (const Part *part)
{
  gsize element = part->dtype == PR_DTYPE_F64 ? sizeof (double) : part->dtype == PR_DTYPE_U8 ? 1 : sizeof (float);

  return (gsize)(part->rows * part->columns) * element;
}

/* In name order, as a reader meets them.  WEIGHTS: what moves. */
static gsize
list_parts (const PrTrainer *trainer, const float *weights, Part ret_parts[MAX_PARTS])
{
  const PrTrainState *s = &trainer->state;
  const Part parts[MAX_PARTS] = {
    { "best", PR_DTYPE_F32, s->best_weights != NULL ? 1 : 0, trainer->n_moving, s->best_weights },
    { "costs", PR_DTYPE_F64, 1, PR_N_COSTS, s->costs },
    { "m", PR_DTYPE_F32, 1, trainer->n_moving, s->m },
    { "points", PR_DTYPE_F64, s->points->len, 3, s->points->data },
    { "state", PR_DTYPE_U8, trainer->training->state_bytes > 0, (gint64)trainer->training->state_bytes,
      trainer->training->state },
    { "v", PR_DTYPE_F32, 1, trainer->n_moving, s->v },
    { "weights", PR_DTYPE_F32, 1, trainer->n_moving, weights },
  };
  gsize n = 0;

  for (gsize i = 0; i < MAX_PARTS; i++)
    if (parts[i].rows > 0)
      ret_parts[n++] = parts[i];
  return n;
}

static char *
digest_parts (const char *fingerprint, const char *state, const Part *parts, gsize n_parts)
{
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (text, "%s\n%s\n", fingerprint, state);
  for (gsize i = 0; i < n_parts; i++)
    {
      g_autofree char *digest = pr_sha256_bytes (parts[i].data, part_bytes (&parts[i]));

      g_string_append_printf (text, "%s %" G_GINT64_FORMAT " %s\n", parts[i].name, parts[i].rows, digest);
    }
  return pr_sha256_bytes (text->str, text->len);
}

/* Only after the new one is whole: there is always one to go back to. */
static void
remove_old (const PrTrainer *trainer)
{
  g_autoptr (GArray) steps = list_steps (trainer);

  for (guint i = KEPT; i < steps->len; i++)
    {
      g_autofree char *path = file_path (trainer, g_array_index (steps, guint64, i));

      g_unlink (path);
    }
}

gboolean
pr_checkpoint_save (const PrTrainer *trainer, GError **error)
{
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
  g_autofree char *path = file_path (trainer, trainer->state.step);
  g_autofree char *state = state_text (&trainer->state);
  g_autofree char *digest = NULL;
  g_autofree float *rows = NULL;
  const float *weights = trainer->lm->weights;
  Part parts[MAX_PARTS];
  gsize n_parts;

  if (trainer->training->rows != NULL)
    {
      rows = g_new (float, (gsize)trainer->n_moving);
      pr_trainer_gather (trainer, rows);
      weights = rows;
    }
  n_parts = list_parts (trainer, weights, parts);
  digest = digest_parts (trainer->fingerprint, state, parts, n_parts);
  pr_tensors_writer_meta (writer, "fingerprint", trainer->fingerprint);
  pr_tensors_writer_meta (writer, "state", state);
  pr_tensors_writer_meta (writer, "digest", digest);
  for (gsize i = 0; i < n_parts; i++)
    pr_tensors_writer_add2 (writer, parts[i].name, parts[i].dtype, parts[i].rows, parts[i].columns, parts[i].data);
  if (!pr_tensors_writer_write (writer, path, error))
    {
      g_prefix_error (error, "checkpoint after step %" G_GUINT64_FORMAT ": ", trainer->state.step);
      return FALSE;
    }
  remove_old (trainer);
  return TRUE;
}

/* The tensors of FILE as parts; 0 if there are too many. */
static gsize
parts_of_file (const PrTensors *file, Part ret_parts[MAX_PARTS])
{
  gsize n = pr_tensors_n (file);

  for (gsize i = 0; n <= MAX_PARTS && i < n; i++)
    {
      const PrTensor *tensor = pr_tensors_at (file, i);

      if (tensor->n_dims != 2
          || (tensor->dtype != PR_DTYPE_F32 && tensor->dtype != PR_DTYPE_F64 && tensor->dtype != PR_DTYPE_U8))
        return 0;
      ret_parts[i] = (Part){ tensor->name, tensor->dtype, tensor->dims[0], tensor->dims[1], tensor->data };
    }
  return n <= MAX_PARTS ? n : 0;
}

/* Exactly the arrays that this training would write? */
static gboolean
parts_fit (const PrTrainer *trainer, const Part *parts, gsize n_parts, gint64 *ret_n_points)
{
  Part wanted[MAX_PARTS];
  gsize n_wanted, w = 0;

  n_wanted = list_parts (trainer, trainer->lm->weights, wanted);
  *ret_n_points = 0;
  for (gsize i = 0; i < n_parts; i++)
    {
      if (strcmp (parts[i].name, "points") == 0)
        {
          if (parts[i].dtype != PR_DTYPE_F64 || parts[i].columns != 3)
            return FALSE;
          *ret_n_points = parts[i].rows;
          continue;
        }
      if (w == n_wanted || strcmp (parts[i].name, wanted[w].name) != 0 || parts[i].dtype != wanted[w].dtype
          || parts[i].rows != 1 || parts[i].columns != wanted[w].columns)
        return FALSE;
      w++;
    }
  return w == n_wanted;
}

static void
take_parts (PrTrainer *trainer, const Part *parts, gsize n_parts)
{
  PrTrainState *s = &trainer->state;

  for (gsize i = 0; i < n_parts; i++)
    {
      const char *name = parts[i].name;

      if (strcmp (name, "weights") == 0)
        pr_trainer_scatter (trainer, parts[i].data);
      else if (strcmp (name, "points") == 0)
        g_array_append_vals (s->points, parts[i].data, (guint)parts[i].rows);
      else
        memcpy (strcmp (name, "best") == 0    ? (void *)s->best_weights
                : strcmp (name, "costs") == 0 ? (void *)s->costs
                : strcmp (name, "m") == 0     ? (void *)s->m
                : strcmp (name, "state") == 0 ? (void *)trainer->training->state
                                              : (void *)s->v,
                parts[i].data, part_bytes (&parts[i]));
    }
}

/* A torn, foreign or altered file is no error: training goes on from an older one. */
static gboolean
load_one (PrTrainer *trainer, const char *path, guint64 step)
{
  g_autoptr (PrTensors) file = pr_tensors_open (path, NULL);
  const char *fingerprint, *state, *digest;
  g_autofree char *actual = NULL;
  PrTrainState parsed;
  Part parts[MAX_PARTS];
  gsize n_parts;
  gint64 n_points;

  if (file == NULL)
    return FALSE;
  fingerprint = pr_tensors_meta (file, "fingerprint");
  state = pr_tensors_meta (file, "state");
  digest = pr_tensors_meta (file, "digest");
  n_parts = parts_of_file (file, parts);
  if (g_strcmp0 (fingerprint, trainer->fingerprint) != 0 || digest == NULL || !state_parse (state, &parsed)
      || parsed.step != step || !parts_fit (trainer, parts, n_parts, &n_points) || n_points > G_MAXINT32)
    return FALSE;
  actual = digest_parts (fingerprint, state, parts, n_parts);
  if (strcmp (actual, digest) != 0)
    return FALSE;
  trainer->state.step = parsed.step;
  trainer->state.n_empty = parsed.n_empty;
  trainer->state.n_seen = parsed.n_seen;
  trainer->state.has_best = parsed.has_best;
  trainer->state.best = parsed.best;
  trainer->state.best_step = parsed.best_step;
  take_parts (trainer, parts, n_parts);
  return TRUE;
}

gboolean
pr_checkpoint_load (PrTrainer *trainer)
{
  g_autoptr (GArray) steps = list_steps (trainer);

  for (guint i = 0; i < steps->len; i++)
    {
      g_autofree char *path = file_path (trainer, g_array_index (steps, guint64, i));

      if (load_one (trainer, path, g_array_index (steps, guint64, i)))
        return TRUE;
      /* It would otherwise count as one of the last two. */
      g_unlink (path);
    }
  return FALSE;
}
