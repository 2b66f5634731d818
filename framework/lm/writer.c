#include "config.h"

#include "lm/writer.h"

#include "lm/sampling.h"

#include <pauserec/error.h>
#include <pauserec/rng.h>

#include <string.h>

/* Rows whose logits over the whole vocabulary exist at once: a multiple pays, for the head is read once for all. */
#define LOGIT_ROWS 64

/* A text that is being written; its tokens and the rows of its positions in the suffix cache lie in a drawer. */
typedef struct
{
  gint32 prompt, sample;
  gint32 place, drawer;
  gint32 n; /* tokens chosen */
  gboolean done;
} Text;

struct PrWriter
{
  const PrWriterJob *job;
  PrDecoder *decoder;
  PrRng rng;
  gint64 rows, places, max_tokens;

  Text *texts; /* [rows] the living ones, in the order in which they started */
  gint32 n_texts;
  gint32 *tokens, *slots;         /* [rows, max_tokens] drawers */
  gint32 *free_drawers;           /* [rows] */
  gint32 *free_places;            /* [places] */
  gint32 n_drawers, n_places;     /* free ones */
  gint32 *place_texts, *starting; /* [places] living texts of a place; places of the prompts that start */
  gpointer scratch;

  gint32 next, end; /* prompts of the stripe that have not begun */
  PrWriterStripe *stripe;
};

gint64
pr_writer_prompts (const PrGenerateParams *params)
{
  return MAX (params->rows_at_once / params->samples, 1);
}

/* More places than prompts fit at once: while the last texts of a prompt are written, others may start. */
static PrDecoderSize
decoder_size (const PrGenerateParams *params, gint64 stripe, gint64 longest)
{
  gint64 prompts = MIN (pr_writer_prompts (params), stripe), rows = prompts * params->samples;

  return (PrDecoderSize){ .prompts = params->samples > 1 ? MIN (2 * prompts, stripe) : prompts,
                          .longest = longest,
                          .positions = longest + params->max_tokens,
                          .rows = rows,
                          .suffix = rows * params->max_tokens,
                          .listed = rows * params->max_tokens,
                          .logits = MIN (LOGIT_ROWS, rows) };
}

guint64
pr_writer_bytes (const PrLmConfig *config, const PrGenerateParams *params, gint64 stripe, gint64 longest)
{
  PrDecoderSize size = decoder_size (params, stripe, longest);

  return pr_decoder_bytes (config, &size) + (guint64)(size.rows * (2 * params->max_tokens + 10) + 3 * size.prompts) * 4
         + pr_sampling_scratch (config->vocab);
}

PrWriter *
pr_writer_new (const PrWriterJob *job, gint64 stripe, GError **error)
{
  g_autoptr (PrWriter) w = g_new0 (PrWriter, 1);
  PrDecoderSize size = decoder_size (job->params, stripe, job->longest);

  w->job = job;
  w->rng = pr_rng_new (job->params->seed, "generate");
  w->rows = size.rows;
  w->places = size.prompts;
  w->max_tokens = job->params->max_tokens;
  w->decoder = pr_decoder_new (job->lm, &size, "`rows_at_once`, `max_tokens`", error);
  if (w->decoder == NULL)
    return NULL;
  w->texts = g_new (Text, w->rows);
  w->tokens = g_new (gint32, w->rows * w->max_tokens);
  w->slots = g_new (gint32, w->rows * w->max_tokens);
  w->free_drawers = g_new (gint32, w->rows);
  w->free_places = g_new (gint32, w->places);
  w->place_texts = g_new (gint32, w->places);
  w->starting = g_new (gint32, w->places);
  w->scratch = g_malloc (pr_sampling_scratch (job->lm->config.vocab));
  return g_steal_pointer (&w);
}

void
pr_writer_free (PrWriter *w)
{
  if (w == NULL)
    return;
  pr_decoder_free (w->decoder);
  g_free (w->texts);
  g_free (w->tokens);
  g_free (w->slots);
  g_free (w->free_drawers);
  g_free (w->free_places);
  g_free (w->place_texts);
  g_free (w->starting);
  g_free (w->scratch);
  g_free (w);
}

static void
finish_text (PrWriter *w, const Text *t, gboolean stopped)
{
  gsize text = (gsize)t->prompt * (gsize)w->job->params->samples + (gsize)t->sample;
  gint32 length = t->n - stopped;

  w->job->begins[text] = w->stripe->tokens->len;
  w->job->lengths[text] = length;
  w->job->stopped[text] = stopped;
  g_array_append_vals (w->stripe->tokens, w->tokens + t->drawer * w->max_tokens, (guint)length);
  w->free_drawers[w->n_drawers++] = t->drawer;
  if (--w->place_texts[t->place] == 0)
    w->free_places[w->n_places++] = t->place;
}

/* The next token of a text, from logits or probabilities. */
static void
choose (PrWriter *w, Text *t, const float *values)
{
  const PrGenerateParams *params = w->job->params;
  gint32 vocab = w->job->lm->config.vocab, token;

  if (params->temperature > 0)
    {
      guint64 id = w->job->ids != NULL ? w->job->ids[t->prompt] : (guint64)t->prompt;
      double uniform = pr_rng_uniform (w->rng, id, (guint64)t->sample << 32 | (guint64)t->n);

      token = pr_sampling_draw (values, vocab, params->top_k, params->top_p, uniform, w->scratch);
    }
  else
    token = pr_sampling_greedy (values, vocab);
  w->tokens[t->drawer * w->max_tokens + t->n++] = token;
  w->stripe->generated++;
  t->done = token == params->stop || t->n == w->max_tokens;
  if (t->done)
    finish_text (w, t, token == params->stop);
}

static gboolean
refuse (gint32 prompt, GError **error)
{
  g_set_error (
      error, PR_ERROR, PR_ERROR_NUMERIC,
      "prompt %d: the model's logits are not finite: its weights are broken (NaN or Inf); look at the training "
      "of this model",
      prompt);
  return FALSE;
}

/* Finished texts leave, the others keep their order. */
static void
close_ranks (PrWriter *w)
{
  gint32 n = 0;

  for (gint32 i = 0; i < w->n_texts; i++)
    if (!w->texts[i].done)
      w->texts[n++] = w->texts[i];
  w->n_texts = n;
}

/* The first tokens of all samples of a prompt. */
static void
open_texts (PrWriter *w, gint32 prompt, gint32 place, const float *values)
{
  gint32 samples = (gint32)w->job->params->samples;

  w->place_texts[place] = samples;
  for (gint32 sample = 0; sample < samples; sample++)
    {
      Text *t = &w->texts[w->n_texts++];

      *t = (Text){ .prompt = prompt, .sample = sample, .place = place, .drawer = w->free_drawers[--w->n_drawers] };
      choose (w, t, values);
    }
}

/* Start as many prompts as there is room for. */
static gboolean
start_prompts (PrWriter *w, GError **error)
{
  const PrWriterJob *job = w->job;
  gint32 first = w->next, n = 0, vocab = job->lm->config.vocab;

  while (w->next < w->end && w->n_places > 0 && w->n_texts + (n + 1) * job->params->samples <= w->rows)
    {
      w->starting[n++] = w->free_places[--w->n_places];
      w->next++;
    }
  if (n == 0)
    return TRUE;
  pr_decoder_prompts (w->decoder, job->tokens, job->offsets + first, n, w->starting);
  for (gint32 at = 0; at < n; at += LOGIT_ROWS)
    {
      gint32 rows = MIN (LOGIT_ROWS, n - at), broken;
      const float *values = pr_decoder_logits (w->decoder, at, rows, job->params->temperature, &broken);

      if (broken >= 0)
        return refuse (first + at + broken, error);
      for (gint32 r = 0; r < rows; r++)
        open_texts (w, first + at + r, w->starting[at + r], values + (gint64)r * vocab);
    }
  close_ranks (w);
  return TRUE;
}

/* One more token for every living text. */
static gboolean
step (PrWriter *w, GError **error)
{
  gint32 slot = pr_decoder_step_begin (w->decoder, w->n_texts), vocab = w->job->lm->config.vocab;

  for (gint32 i = 0; i < w->n_texts; i++)
    {
      const Text *t = &w->texts[i];
      const gint32 *tokens = w->tokens + t->drawer * w->max_tokens;
      gint32 *slots = w->slots + t->drawer * w->max_tokens, past = t->n - 1;
      gint32 *history = pr_decoder_step_row (w->decoder, t->place, tokens[past], 0, past);

      memcpy (history, slots, (gsize)past * sizeof *slots);
      slots[past] = slot + i;
    }
  pr_decoder_step_run (w->decoder);
  for (gint32 at = 0; at < w->n_texts; at += LOGIT_ROWS)
    {
      gint32 rows = MIN (LOGIT_ROWS, w->n_texts - at), broken;
      const float *values = pr_decoder_logits (w->decoder, at, rows, w->job->params->temperature, &broken);

      if (broken >= 0)
        return refuse (w->texts[at + broken].prompt, error);
      for (gint32 r = 0; r < rows; r++)
        choose (w, &w->texts[at + r], values + (gint64)r * vocab);
    }
  close_ranks (w);
  return TRUE;
}

gboolean
pr_writer_run (PrWriter *w, gint32 first, gint32 end, PrWriterStripe *stripe, GError **error)
{
  w->next = first;
  w->end = end;
  w->stripe = stripe;
  w->n_texts = 0;
  w->n_drawers = (gint32)w->rows;
  w->n_places = (gint32)w->places;
  for (gint32 i = 0; i < w->n_drawers; i++)
    w->free_drawers[i] = i;
  for (gint32 i = 0; i < w->n_places; i++)
    w->free_places[i] = i;
  pr_decoder_reset (w->decoder);
  pr_decoder_take_flops (w->decoder);

  while (w->next < w->end || w->n_texts > 0)
    if (!start_prompts (w, error) || (w->n_texts > 0 && !step (w, error)))
      return FALSE;
  stripe->flops = pr_decoder_take_flops (w->decoder);
  return TRUE;
}
