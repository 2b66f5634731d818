/* Damaged files, thousands of them, the same ones every time: a reader gives one error that names the file, or a
 * result that keeps what its header promises.  Most telling in a build with sanitizers. */
#include "config.h"

#include "../../plugins/dataset-files/source.h"
#include "../data/data-check.h"
#include "data/purchases-private.h"
#include "fuzz-files.h"

#include <gio/gio.h>
#include <math.h>
#include <pauserec/matrix.h>
#include <pauserec/ranking.h>
#include <pauserec/rationales.h>
#include <pauserec/sids.h>
#include <pauserec/textio.h>

static void
check_text (const char *text)
{
  ck_assert_ptr_nonnull (text);
  ck_assert (g_utf8_validate (text, -1, NULL));
}

static void
check_item (const PrItem *item)
{
  check_text (item->title);
  check_text (item->brand);
  check_text (item->description);
  ck_assert (pr_id_ok (item->id));
  for (guint i = 0; item->categories[i] != NULL; i++)
    {
      check_text (item->categories[i]);
      ck_assert_str_ne (item->categories[i], "");
    }
}

static gboolean
check_purchases (const PrCatalogue *catalogue, PrPurchases *purchases, GError **error)
{
  guint8 users[64], kept[64];
  PrDropped dropped;

  if (!pr_purchases_sort (purchases, error))
    return FALSE;
  ck_assert_uint_lt (purchases->users->len, 64);
  ck_assert_int_lt (pr_catalogue_n_items (catalogue), 64);
  for (gint64 i = 0; i < pr_catalogue_n_items (catalogue); i++)
    {
      const PrItem *item = pr_catalogue_item (catalogue, i);

      check_item (item);
      ck_assert_int_le (g_utf8_strlen (item->description, -1), 20);
    }
  for (guint i = 0; i < purchases->users->len; i++)
    ck_assert (pr_id_ok (purchases->users->pdata[i]));
  for (guint i = 0; i < purchases->rows->len; i++)
    {
      const PrPurchaseRow *row = &g_array_index (purchases->rows, PrPurchaseRow, i);

      ck_assert_int_lt (row->user, purchases->users->len);
      ck_assert_int_lt (row->item, pr_catalogue_n_items (catalogue));
      ck_assert (i == 0 || row[-1].user < row->user || (row[-1].user == row->user && row[-1].time < row->time));
    }
  pr_purchases_filter (purchases, 2, 2, users, kept, &dropped);
  return TRUE;
}

static gboolean
read_source (const char *dir, GError **error)
{
  g_autofree char *items = g_build_filename (dir, "items.jsonl", NULL);
  g_autofree char *events = g_build_filename (dir, "events.tsv", NULL);
  const SourceParams params = { .items = items,
                                .interactions = events,
                                .user_column = "user",
                                .item_column = "item",
                                .time_column = "",
                                .rating_column = "rating",
                                .purchases = { .min_rating = 2, .k_core = 1, .max_text = 20 } };
  g_autoptr (PrCatalogue) catalogue = items_read (&params, error);
  g_autoptr (PrPurchases) purchases = catalogue ? interactions_read (&params, catalogue, error) : NULL;

  return purchases != NULL && check_purchases (catalogue, purchases, error);
}

static void
put_source (const char *dir)
{
  data_put (dir, "items.jsonl",
            "{\"item\": \"a\", \"title\": \"Tée\", \"categories\": [\"x\", \"y\"]}\n"
            "{\"item\": \"b\", \"brand\": null, \"description\": [\"one\", \"two\"]}\n"
            "{\"item\": \"c\", \"description\": \"a description of more than twenty characters\"}\n",
            -1);
  data_put (dir, "events.tsv",
            "user\titem\torder\trating\nu\ta\t0\t5\nu\tb\t1\t4.5\nv\tb\t7\t1\nv\tc\t8\t3\nw\ta\t1\t2\n", -1);
}

START_TEST (items_and_interactions)
{
  g_autofree char *dir = pr_check_tmpdir ();

  put_source (dir);
  fuzz (dir, "items.jsonl", read_source);
  fuzz (dir, "events.tsv", read_source);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (packed_interactions)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autofree char *path = g_build_filename (dir, "events.tsv", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GConverter) gzip = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9));
  char packed[512];
  gsize n, read, written;

  put_source (dir);
  ck_assert (g_file_get_contents (path, &text, &n, NULL));
  g_converter_convert (gzip, text, n, packed, sizeof packed, G_CONVERTER_INPUT_AT_END, &read, &written, NULL);
  put (path, packed, written);
  fuzz (dir, "events.tsv", read_source);
  pr_check_rmdir (dir);
}
END_TEST

static gboolean
read_dataset (const char *dir, GError **error)
{
  g_autoptr (PrDataset) dataset = pr_dataset_load (dir, error);
  gint64 n, sum = 0;

  if (dataset == NULL)
    return FALSE;
  for (gint64 i = 0; i < pr_dataset_n_items (dataset); i++)
    check_item (pr_dataset_item (dataset, i));
  for (gint64 u = 0; u < pr_dataset_n_users (dataset); u++)
    {
      const gint32 *items = pr_dataset_sequence (dataset, u, &n);

      ck_assert (pr_id_ok (pr_dataset_user_id (dataset, u)));
      sum += n;
      for (gint64 i = 0; i < n; i++)
        ck_assert (items[i] >= 0 && items[i] < pr_dataset_n_items (dataset));
      for (gsize g = 0; g < pr_dataset_n_groups (dataset); g++)
        ck_assert_uint_le (pr_dataset_group (dataset, g)[u], 1);
    }
  ck_assert_int_eq (sum, pr_dataset_n_interactions (dataset));
  return TRUE;
}

START_TEST (data_sets)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("fuzz");
  const char *const categories[] = { "x", "y", NULL };
  const PrItem items[2] = { { "a", "Tée", "", "d", categories }, { "b", "", "B", "", categories } };
  const gint32 purchases[4] = { 0, 1, 1, 0 };

  pr_dataset_builder_add_item (builder, &items[0]);
  pr_dataset_builder_add_item (builder, &items[1]);
  pr_dataset_builder_add_user (builder, "u", purchases, 4);
  pr_dataset_builder_add_user (builder, "v", purchases, 3);
  pr_dataset_builder_set_group (builder, pr_dataset_builder_add_group (builder, "g"), 1, TRUE);
  pr_dataset_builder_note (builder, "filter", "none");
  ck_assert (pr_dataset_builder_write (builder, dir, NULL));
  fuzz (dir, "items.jsonl", read_dataset);
  fuzz (dir, "users.txt", read_dataset);
  fuzz (dir, "dataset.json", read_dataset);
  fuzz (dir, "sequences.safetensors", read_dataset);
  pr_check_rmdir (dir);
}
END_TEST

static gboolean
read_sids (const char *dir, GError **error)
{
  g_autoptr (PrSids) sids = pr_sids_load (dir, error);

  if (sids == NULL)
    return FALSE;
  ck_assert (sids->levels >= 1 && sids->levels <= PR_SID_MAX_LEVELS);
  for (gint64 i = 0; i < sids->n_items; i++)
    for (gint32 l = 0; l < sids->levels; l++)
      ck_assert (pr_sids_item (sids, i)[l] >= 0 && pr_sids_item (sids, i)[l] < sids->sizes[l]);
  return TRUE;
}

static gboolean
read_ranking (const char *dir, GError **error)
{
  g_autoptr (PrRanking) ranking = pr_ranking_load (dir, 5, error);

  if (ranking == NULL)
    return FALSE;
  for (gint64 i = 0; i < ranking->n_users * ranking->k; i++)
    {
      ck_assert (ranking->items[i] >= -1 && ranking->items[i] < 5);
      ck_assert (i % ranking->k == 0 || ranking->items[i] == -1 || ranking->scores[i] <= ranking->scores[i - 1]);
    }
  return TRUE;
}

static gboolean
read_embeddings (const char *dir, GError **error)
{
  g_autoptr (PrMatrix) matrix = pr_embeddings_load (dir, error);

  for (gint64 i = 0; matrix != NULL && i < matrix->rows * matrix->columns; i++)
    ck_assert (isfinite (matrix->data[i]));
  return matrix != NULL;
}

START_TEST (tensor_files)
{
  g_autofree char *dir = pr_check_tmpdir ();
  const gint32 sizes[2] = { 3, 2 };
  g_autoptr (PrSids) sids = pr_sids_new (3, 2, sizes);
  g_autoptr (PrRanking) ranking = pr_ranking_new (2, 3, PR_SPLIT_TEST);
  g_autoptr (PrMatrix) matrix = pr_matrix_new (3, 4, NULL);

  for (int i = 0; i < 3; i++)
    {
      sids->codes[2 * i] = i;
      ranking->items[i] = i;
      ranking->scores[i] = (float)-i;
      matrix->data[i] = (float)i;
    }
  ck_assert (pr_sids_save (sids, "keep", dir, NULL));
  ck_assert (pr_ranking_save (ranking, dir, NULL));
  ck_assert (pr_embeddings_save (matrix, dir, NULL));
  fuzz (dir, "sids.safetensors", read_sids);
  fuzz (dir, "ranking.safetensors", read_ranking);
  fuzz (dir, "embeddings.safetensors", read_embeddings);
  pr_check_rmdir (dir);
}
END_TEST

static gboolean
read_npy (const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "m.npy", NULL);
  g_autoptr (PrMatrix) matrix = pr_matrix_load_npy (path, error);

  for (gint64 i = 0; matrix != NULL && i < matrix->rows * matrix->columns; i++)
    ck_assert (isfinite (matrix->data[i]));
  return matrix != NULL;
}

START_TEST (npy_files)
{
  g_autofree char *dir = pr_check_tmpdir ();
  const char head[] = "\x93NUMPY\x01\x00\x3f\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n";
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  const float numbers[6] = { 1, 2, 3, 4, 5, 6 };

  g_byte_array_append (bytes, (const guint8 *)head, sizeof head - 1);
  g_byte_array_append (bytes, (const guint8 *)numbers, sizeof numbers);
  data_put (dir, "m.npy", bytes->data, bytes->len);
  fuzz (dir, "m.npy", read_npy);
  pr_check_rmdir (dir);
}
END_TEST

static gboolean
read_texts (const char *dir, GError **error)
{
  static const char *const keys[] = { "title", "plot", NULL };
  g_autofree char *path = g_build_filename (dir, "a.jsonl", NULL);
  g_autoptr (GPtrArray) documents = g_ptr_array_new_with_free_func (g_free);

  if (!pr_text_read_file (path, keys, documents, error))
    {
      ck_assert_uint_eq (documents->len, 0);
      return FALSE;
    }
  ck_assert_uint_gt (documents->len, 0);
  for (guint i = 0; i < documents->len; i++)
    check_text (documents->pdata[i]);
  return TRUE;
}

START_TEST (text_files)
{
  g_autofree char *dir = pr_check_tmpdir ();

  data_put (dir, "a.jsonl",
            "{\"title\": \"One\", \"plot\": \"a \\\"b\\\" \\u00e9\"}\n{\"plot\": null, \"title\": [\"x\", \"y\"]}\n",
            -1);
  fuzz (dir, "a.jsonl", read_texts);
  pr_check_rmdir (dir);
}
END_TEST

/* The data set that the rationales below belong to. */
static PrDataset *argued;

static gboolean
read_rationales (const char *dir, GError **error)
{
  g_autoptr (PrRationales) rationales = pr_rationales_load (dir, argued, error);

  for (gsize i = 0; rationales != NULL && i < pr_rationales_n (rationales); i++)
    {
      const PrRationale *one = pr_rationales_at (rationales, i);
      gint64 n;

      ck_assert (one->user >= 0 && one->user < pr_dataset_n_users (argued));
      pr_dataset_sequence (argued, one->user, &n);
      ck_assert (one->position >= 0 && one->position < n);
      check_text (one->text);
      ck_assert_uint_eq (strlen (one->prompt), 64);
      ck_assert (pr_rationales_find (rationales, one->user, one->position) == one);
    }
  return rationales != NULL;
}

START_TEST (rationale_files)
{
  g_autofree char *dir = pr_check_tmpdir (), *hash = g_strnfill (64, 'a');
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("fuzz");
  g_autoptr (PrRationales) rationales = pr_rationales_new ();
  const char *const none[] = { NULL };
  const PrItem item = { "a", "", "", "", none };
  const gint32 purchases[3] = { 0 };

  pr_dataset_builder_add_item (builder, &item);
  pr_dataset_builder_add_user (builder, "u", purchases, 3);
  pr_dataset_builder_add_user (builder, "v", purchases, 3);
  ck_assert (pr_dataset_builder_write (builder, dir, NULL));
  argued = pr_dataset_load (dir, NULL);
  ck_assert_ptr_nonnull (argued);
  for (gint32 i = 0; i < 4; i++)
    {
      const PrRationale one = { .user = i / 2,
                                .position = 1 + i % 2,
                                .text = "Wärme",
                                .teacher = "lm",
                                .prompt = hash,
                                .sampled = i == 2,
                                .sampling = { .top_p = 1, .max_tokens = 9 },
                                .corruption = i == 3 ? "empty" : NULL };

      pr_rationales_add (rationales, &one);
    }
  ck_assert (pr_rationales_save (rationales, argued, dir, NULL));
  fuzz (dir, "rationales.jsonl", read_rationales);
  g_clear_pointer (&argued, pr_dataset_free);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("fuzz-data");
  TCase *tc = tcase_create ("fuzz-data");

  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, items_and_interactions);
  tcase_add_test (tc, packed_interactions);
  tcase_add_test (tc, data_sets);
  tcase_add_test (tc, tensor_files);
  tcase_add_test (tc, npy_files);
  tcase_add_test (tc, text_files);
  tcase_add_test (tc, rationale_files);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
