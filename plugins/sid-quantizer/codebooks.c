#include "config.h"

#include "codebooks.h"

#include <string.h>

void
codebooks_init (Codebooks *books, gint32 levels, const gint32 *sizes, gint64 width, gint64 max_rows)
{
  *books = (Codebooks){ .levels = levels,
                        .width = width,
                        .max_rows = max_rows,
                        .chosen = g_new (gint32, levels * max_rows),
                        .residuals = g_new (float, (levels + 1) * max_rows * width) };
  for (gint32 l = 0; l < levels; l++)
    {
      books->sizes[l] = sizes[l];
      weights_init (books->codes + l, sizes[l] * width);
      books->last_used[l] = g_new0 (guint64, sizes[l]);
    }
}

void
codebooks_clear (Codebooks *books)
{
  for (gint32 l = 0; l < books->levels; l++)
    {
      weights_clear (books->codes + l);
      g_free (books->last_used[l]);
    }
  g_free (books->chosen);
  g_free (books->residuals);
  *books = (Codebooks){ 0 };
}

static void
subtract_codes (gint64 rows, gint64 width, const float *x, const float *codes, const gint32 *chosen, float *ret_rest)
{
  for (gint64 i = 0; i < rows; i++)
    for (gint64 j = 0; j < width; j++)
      ret_rest[i * width + j] = x[i * width + j] - codes[chosen[i] * width + j];
}

gboolean
codebooks_start (Codebooks *books, float *z, gint64 n, gint64 iterations, guint64 seed, KmeansTick tick,
                 gpointer tick_ctx, double *ret_flops, GError **error)
{
  for (gint32 l = 0; l < books->levels; l++)
    {
      g_autofree char *stream = g_strdup_printf ("sid-quantizer/rqvae/start/%d", (int)l);
      KmeansProblem problem = { .x = z,
                                .n = n,
                                .d = books->width,
                                .k = books->sizes[l],
                                .iterations = iterations,
                                .rng = pr_rng_new (seed, stream),
                                .tick = tick,
                                .tick_ctx = tick_ctx };
      g_autoptr (KmeansFit) fit = kmeans_fit (&problem, error);

      if (fit == NULL)
        return FALSE;
      memcpy (books->codes[l].values, fit->centroids, sizeof (float) * books->codes[l].n);
      subtract_codes (n, books->width, z, fit->centroids, fit->codes, z);
      *ret_flops += kmeans_flops (n, books->width, books->sizes[l], fit->n_objective);
    }
  return TRUE;
}

static float *
residuals_at (const Codebooks *books, gint32 level)
{
  return books->residuals + level * books->max_rows * books->width;
}

const float *
codebooks_residuals (const Codebooks *books, gint32 level)
{
  return residuals_at (books, level);
}

const gint32 *
codebooks_chosen (const Codebooks *books, gint32 level)
{
  return books->chosen + level * books->max_rows;
}

void
codebooks_choose (Codebooks *books, gint64 rows, const float *z)
{
  memcpy (books->residuals, z, sizeof (float) * rows * books->width);
  for (gint32 l = 0; l < books->levels; l++)
    {
      gint32 *chosen = books->chosen + l * books->max_rows;

      kmeans_nearest (residuals_at (books, l), rows, books->width, books->codes[l].values, books->sizes[l], chosen);
      subtract_codes (rows, books->width, residuals_at (books, l), books->codes[l].values, chosen,
                      residuals_at (books, l + 1));
    }
}

void
codebooks_sum (const Codebooks *books, gint64 rows, gint32 levels, float *ret_sum)
{
  memset (ret_sum, 0, sizeof (float) * rows * books->width);
  for (gint32 l = 0; l < levels; l++)
    for (gint64 i = 0; i < rows; i++)
      {
        const float *code = books->codes[l].values + codebooks_chosen (books, l)[i] * books->width;

        for (gint64 j = 0; j < books->width; j++)
          ret_sum[i * books->width + j] += code[j];
      }
}

double
codebooks_loss (const Codebooks *books, gint64 rows)
{
  double sum = 0;

  for (gint32 l = 1; l <= books->levels; l++)
    for (gint64 i = 0; i < rows * books->width; i++)
      sum += (double)residuals_at (books, l)[i] * residuals_at (books, l)[i];
  return sum / (double)(rows * books->width);
}

void
codebooks_backward (Codebooks *books, gint64 rows, double beta, float *dz)
{
  float scale = (float)(2.0 / (double)(rows * books->width)), pull = (float)beta * scale;

  for (gint32 l = 0; l < books->levels; l++)
    {
      const float *miss = residuals_at (books, l + 1); /* r_l - e_l */

      memset (books->codes[l].grads, 0, sizeof (float) * books->codes[l].n);
      for (gint64 i = 0; i < rows; i++)
        {
          float *grad = books->codes[l].grads + codebooks_chosen (books, l)[i] * books->width;

          for (gint64 j = 0; j < books->width; j++)
            {
              grad[j] -= scale * miss[i * books->width + j];
              dz[i * books->width + j] += pull * miss[i * books->width + j];
            }
        }
    }
}

static void
move_code (Codebooks *books, gint32 level, gint32 code, const float *to)
{
  Weights *codes = books->codes + level;
  gsize bytes = sizeof (float) * books->width;
  gint64 at = code * books->width;

  memcpy (codes->values + at, to, bytes);
  memset (codes->m + at, 0, bytes);
  memset (codes->v + at, 0, bytes);
}

gint64
codebooks_reset (Codebooks *books, gint64 rows, guint64 step, guint64 dead_steps, PrRng rng)
{
  gint64 moved = 0;
  guint64 place = 0;

  for (gint32 l = 0; l < books->levels; l++)
    {
      for (gint64 i = 0; i < rows; i++)
        books->last_used[l][codebooks_chosen (books, l)[i]] = step;
      for (gint32 c = 0; c < books->sizes[l]; c++, place++)
        if (dead_steps > 0 && step - books->last_used[l][c] >= dead_steps)
          {
            gint64 row = (gint64)pr_rng_below (rng, step, place, (guint64)rows);

            move_code (books, l, c, residuals_at (books, l) + row * books->width);
            books->last_used[l][c] = step;
            moved++;
          }
    }
  return moved;
}
