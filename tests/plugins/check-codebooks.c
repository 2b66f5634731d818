/* The codebooks of RQ-VAE in sid-quantizer: nearest codes, k-means start, codes that nobody chooses. */
#include "config.h"

#include "pr-check.h"

#include "../../plugins/sid-quantizer/codebooks.h"

static float *
draw (const char *stream, gint64 n)
{
  PrRng rng = pr_rng_new (11, stream);
  float *x = g_new (float, n);

  for (gint64 i = 0; i < n; i++)
    x[i] = (float)pr_rng_normal (rng, 0, (guint64)i);
  return x;
}

START_TEST (nearest_means_nearest)
{
  enum
  {
    N = 600,
    K = 70,
    WIDTH = 9
  };
  g_autofree float *x = draw ("rows", N * WIDTH), *codes = draw ("codes", K * WIDTH);
  g_autofree gint32 *chosen = g_new (gint32, N);

  memcpy (codes + 50 * WIDTH, codes + 20 * WIDTH, sizeof (float) * WIDTH);
  kmeans_nearest (x, N, WIDTH, codes, K, chosen);
  for (int i = 0; i < N; i++)
    {
      double distances[K];

      kmeans_distances (x + i * WIDTH, codes, K, WIDTH, distances);
      for (int c = 0; c < K; c++)
        ck_assert_double_ge (distances[c], distances[chosen[i]] - 1e-4);
      ck_assert_int_ne (chosen[i], 50); /* equal to 20, which comes first */
    }
}
END_TEST

enum
{
  LATENT = 4,
  BATCH = 64
};

static void
make_books (Codebooks *books)
{
  codebooks_init (books, 2, (const gint32[]){ 16, 8 }, LATENT, BATCH);
}

static int
count_used (const Codebooks *books, gint32 level, gint64 rows)
{
  gboolean seen[16] = { 0 };
  int used = 0;

  for (gint64 i = 0; i < rows; i++)
    {
      used += !seen[codebooks_chosen (books, level)[i]];
      seen[codebooks_chosen (books, level)[i]] = TRUE;
    }
  return used;
}

START_TEST (kmeans_starts_the_codebooks)
{
  g_autofree float *z = draw ("latents", BATCH * LATENT), *rest = g_memdup2 (z, sizeof (float) * BATCH * LATENT);
  KmeansProblem problem = {
    .x = z, .n = BATCH, .d = LATENT, .k = 16, .iterations = 20, .rng = pr_rng_new (3, "sid-quantizer/rqvae/start/0")
  };
  g_autoptr (KmeansFit) fit = kmeans_fit (&problem, NULL);
  Codebooks books;
  GError *error = NULL;
  double flops = 0, first, both;

  make_books (&books);
  ck_assert (codebooks_start (&books, rest, BATCH, 20, 3, NULL, NULL, &flops, &error));
  ck_assert_mem_eq (books.codes[0].values, fit->centroids, sizeof (float) * 16 * LATENT);
  ck_assert_double_gt (flops, kmeans_flops (BATCH, LATENT, 16, 1) + kmeans_flops (BATCH, LATENT, 8, 1));
  codebooks_choose (&books, BATCH, z);
  ck_assert_mem_eq (codebooks_chosen (&books, 0), fit->codes, sizeof (gint32) * BATCH);
  ck_assert_int_eq (count_used (&books, 0, BATCH), 16);
  ck_assert_int_eq (count_used (&books, 1, BATCH), 8);
  /* What remains of both levels, and what START left of z. */
  first = fit->objective[fit->n_objective - 1] / (BATCH * LATENT);
  both = codebooks_loss (&books, BATCH);
  ck_assert_double_gt (both, first);
  ck_assert_double_lt (both, 2 * first);
  ck_assert_mem_eq (codebooks_residuals (&books, 2), rest, sizeof (float) * BATCH * LATENT);
  codebooks_clear (&books);
}
END_TEST

/* Used codes of level 0 after eight batches, from codes of which all but one lie far away. */
static int
use_far_codes (guint64 dead_steps, gint64 *ret_moved)
{
  g_autofree float *z = draw ("latents", BATCH * LATENT);
  Codebooks books;
  int used;

  *ret_moved = 0;
  make_books (&books);
  for (int l = 0; l < 2; l++)
    for (gint64 i = LATENT; i < books.codes[l].n; i++)
      {
        books.codes[l].values[i] = 100 + (float)i;
        books.codes[l].m[i] = books.codes[l].v[i] = 1;
      }
  for (guint64 step = 1; step <= 8; step++)
    {
      codebooks_choose (&books, BATCH, z);
      *ret_moved += codebooks_reset (&books, BATCH, step, dead_steps, pr_rng_new (1, "reset"));
    }
  used = count_used (&books, 0, BATCH);
  if (*ret_moved > 0)
    ck_assert_float_eq (books.codes[0].m[LATENT] + books.codes[0].v[LATENT], 0);
  codebooks_clear (&books);
  return used;
}

START_TEST (dead_codes_come_back)
{
  gint64 moved;

  ck_assert_int_eq (use_far_codes (0, &moved), 1);
  ck_assert_int_eq (moved, 0);
  ck_assert_int_eq (use_far_codes (9, &moved), 1);
  ck_assert_int_eq (moved, 0);
  ck_assert_int_gt (use_far_codes (3, &moved), 10);
  ck_assert_int_ge (moved, 15 + 7);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("codebooks");
  TCase *books = tcase_create ("codebooks");

  tcase_add_test (books, nearest_means_nearest);
  tcase_add_test (books, kmeans_starts_the_codebooks);
  tcase_add_test (books, dead_codes_come_back);
  suite_add_tcase (suite, books);
  return pr_check_main (suite);
}
