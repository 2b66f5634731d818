#include "config.h"

#include <pauserec/tensors.h>

#include "fit/fit-private.h"
#include "runtime/sha256.h"

#include <glib/gstdio.h>
#include <string.h>

#define KEPT 2
#define FINGERPRINT_DIGITS 16 /* in the file's name; the whole stands in its metadata */

/* Everything the result depends on.  Inputs of the stage are part of the scratch folder's key; the start weights are
 * here, since a stage may train several times. */
char *
pr_checkpoint_fingerprint (const PrFitter *fitter)
{
  const PrTrainParams *p = fitter->params;
  const PrFit *f = fitter->fit;
  g_autofree float *copy = NULL;
  g_autofree char *weights = pr_sha256_bytes (pr_fitter_flat (fitter, &copy), (gsize)fitter->n * sizeof (float));
  g_autofree char *series = g_strjoinv (" ", f->series != NULL ? (char **)f->series : (char *[]){ NULL });
  g_autoptr (GString) text = g_string_new (NULL);

  g_string_append_printf (
      text,
      "pauserec-checkpoint/3 %s examples %" G_GSIZE_FORMAT " shuffle %d valid %s lower %d end %d state %" G_GSIZE_FORMAT
      " rounds of %" G_GINT64_FORMAT " series %s\n"
      "epochs %a max_steps %" G_GINT64_FORMAT " batch %" G_GINT64_FORMAT " lr %a schedule %d warmup %a min_lr %a\n"
      "wd %a beta1 %a beta2 %a eps %a clip %a dropout %a chunk %" G_GINT64_FORMAT " eval %" G_GINT64_FORMAT " best %d\n"
      "seed %" G_GUINT64_FORMAT " weights %" G_GINT64_FORMAT " %s\n",
      f->name, f->n_examples, f->shuffle, f->validate != NULL ? f->valid_name : "none", f->lower_is_better,
      f->end_epoch != NULL, f->state_bytes, f->round_steps, series,                                     //
      p->epochs, (gint64)p->max_steps, (gint64)p->batch_size, p->lr, p->schedule, p->warmup, p->min_lr, //
      p->weight_decay, p->beta1, p->beta2, p->eps, p->clip, p->dropout, (gint64)p->chunk_tokens, (gint64)p->eval_every,
      p->keep_best, //
      fitter->seed, fitter->n, weights);
  for (gsize i = 0; i < f->n_pieces; i++)
    g_string_append_printf (text, "%" G_GINT64_FORMAT " %d ", f->pieces[i].n, f->pieces[i].decays);
  g_string_append (text, f->fingerprint);
  return pr_sha256_bytes (text->str, text->len);
}

static char *
file_prefix (const PrFitter *fitter)
{
  return g_strdup_printf ("%s-%.*s-", fitter->fit->name, FINGERPRINT_DIGITS, fitter->fingerprint);
}

static char *
file_path (const PrFitter *fitter, guint64 step)
{
  g_autofree char *prefix = file_prefix (fitter);
  g_autofree char *name = g_strdup_printf ("%s%" G_GUINT64_FORMAT ".safetensors", prefix, step);

  return g_build_filename (pr_run_scratch_dir (fitter->run), name, NULL);
}

static gint
newest_first (gconstpointer a, gconstpointer b)
{
  guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

  return x < y ? 1 : x > y ? -1 : 0;
}

/* Steps of this training's checkpoints, newest first. */
static GArray *
list_steps (const PrFitter *fitter)
{
  g_autofree char *prefix = file_prefix (fitter);
  GArray *steps = g_array_new (FALSE, FALSE, sizeof (guint64));
  GDir *dir = g_dir_open (pr_run_scratch_dir (fitter->run), 0, NULL);
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
state_text (const PrFitState *s)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %d %a %" G_GUINT64_FORMAT,
                          s->step, s->n_empty, s->n_seen, s->has_best, s->best, s->best_step);
}

static gboolean
state_parse (const char *text, PrFitState *s)
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
list_parts (const PrFitter *fitter, const float *weights, Part ret_parts[MAX_PARTS])
{
  const PrFitState *s = &fitter->state;
  const Part parts[MAX_PARTS] = {
    { "best", PR_DTYPE_F32, s->best_weights != NULL ? 1 : 0, fitter->n, s->best_weights },
    { "costs", PR_DTYPE_F64, 1, PR_N_COSTS, s->costs },
    { "m", PR_DTYPE_F32, 1, fitter->n, s->m },
    { "points", PR_DTYPE_F64, s->points->len, 3, s->points->data },
    { "state", PR_DTYPE_U8, fitter->fit->state_bytes > 0, (gint64)fitter->fit->state_bytes, fitter->fit->state },
    { "v", PR_DTYPE_F32, 1, fitter->n, s->v },
    { "weights", PR_DTYPE_F32, 1, fitter->n, weights },
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
remove_old (const PrFitter *fitter)
{
  g_autoptr (GArray) steps = list_steps (fitter);

  for (guint i = KEPT; i < steps->len; i++)
    {
      g_autofree char *path = file_path (fitter, g_array_index (steps, guint64, i));

      g_unlink (path);
    }
}

gboolean
pr_checkpoint_save (const PrFitter *fitter, GError **error)
{
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
  g_autofree char *path = file_path (fitter, fitter->state.step);
  g_autofree char *state = state_text (&fitter->state);
  g_autofree char *digest = NULL;
  g_autofree float *copy = NULL;
  Part parts[MAX_PARTS];
  gsize n_parts = list_parts (fitter, pr_fitter_flat (fitter, &copy), parts);

  digest = digest_parts (fitter->fingerprint, state, parts, n_parts);
  pr_tensors_writer_meta (writer, "fingerprint", fitter->fingerprint);
  pr_tensors_writer_meta (writer, "state", state);
  pr_tensors_writer_meta (writer, "digest", digest);
  for (gsize i = 0; i < n_parts; i++)
    pr_tensors_writer_add2 (writer, parts[i].name, parts[i].dtype, parts[i].rows, parts[i].columns, parts[i].data);
  if (!pr_tensors_writer_write (writer, path, error))
    {
      g_prefix_error (error, "checkpoint after step %" G_GUINT64_FORMAT ": ", fitter->state.step);
      return FALSE;
    }
  remove_old (fitter);
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
parts_fit (const PrFitter *fitter, const Part *parts, gsize n_parts, gint64 *ret_n_points)
{
  Part wanted[MAX_PARTS];
  gsize n_wanted, w = 0;

  n_wanted = list_parts (fitter, NULL, wanted);
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
take_parts (PrFitter *fitter, const Part *parts, gsize n_parts)
{
  PrFitState *s = &fitter->state;

  for (gsize i = 0; i < n_parts; i++)
    {
      const char *name = parts[i].name;

      if (strcmp (name, "weights") == 0)
        pr_fitter_scatter (fitter, parts[i].data);
      else if (strcmp (name, "points") == 0)
        g_array_append_vals (s->points, parts[i].data, (guint)parts[i].rows);
      else
        memcpy (strcmp (name, "best") == 0    ? (void *)s->best_weights
                : strcmp (name, "costs") == 0 ? (void *)s->costs
                : strcmp (name, "m") == 0     ? (void *)s->m
                : strcmp (name, "state") == 0 ? (void *)fitter->fit->state
                                              : (void *)s->v,
                parts[i].data, part_bytes (&parts[i]));
    }
}

/* A torn, foreign or altered file is no error: training goes on from an older one. */
static gboolean
load_one (PrFitter *fitter, const char *path, guint64 step)
{
  g_autoptr (PrTensors) file = pr_tensors_open (path, NULL);
  const char *fingerprint, *state, *digest;
  g_autofree char *actual = NULL;
  PrFitState parsed;
  Part parts[MAX_PARTS];
  gsize n_parts;
  gint64 n_points;

  if (file == NULL)
    return FALSE;
  fingerprint = pr_tensors_meta (file, "fingerprint");
  state = pr_tensors_meta (file, "state");
  digest = pr_tensors_meta (file, "digest");
  n_parts = parts_of_file (file, parts);
  if (g_strcmp0 (fingerprint, fitter->fingerprint) != 0 || digest == NULL || !state_parse (state, &parsed)
      || parsed.step != step || !parts_fit (fitter, parts, n_parts, &n_points) || n_points > G_MAXINT32)
    return FALSE;
  actual = digest_parts (fingerprint, state, parts, n_parts);
  if (strcmp (actual, digest) != 0)
    return FALSE;
  fitter->state.step = parsed.step;
  fitter->state.n_empty = parsed.n_empty;
  fitter->state.n_seen = parsed.n_seen;
  fitter->state.has_best = parsed.has_best;
  fitter->state.best = parsed.best;
  fitter->state.best_step = parsed.best_step;
  take_parts (fitter, parts, n_parts);
  return TRUE;
}

gboolean
pr_checkpoint_load (PrFitter *fitter)
{
  g_autoptr (GArray) steps = list_steps (fitter);

  for (guint i = 0; i < steps->len; i++)
    {
      g_autofree char *path = file_path (fitter, g_array_index (steps, guint64, i));

      if (load_one (fitter, path, g_array_index (steps, guint64, i)))
        return TRUE;
      /* It would otherwise count as one of the last two. */
      g_unlink (path);
    }
  return FALSE;
}
