/* atoms.c - an open-addressing table over one arena of bytes. */
#include "text/atoms.h"

#include <string.h>

struct PrAtoms
{
  GByteArray *arena;
  GArray *ends;   /* gsize: where atom i ends in the arena */
  GArray *hashes; /* guint32 */
  gint32 *table;  /* atom or -1 */
  gsize mask;     /* size of the table - 1 */
};

static void
table_reset (PrAtoms *atoms, gsize size)
{
  g_free (atoms->table);
  atoms->table = g_new (gint32, size);
  memset (atoms->table, 0xff, size * sizeof *atoms->table);
  atoms->mask = size - 1;
}

PrAtoms *
pr_atoms_new (void)
{
  PrAtoms *atoms = g_new0 (PrAtoms, 1);

  atoms->arena = g_byte_array_new ();
  atoms->ends = g_array_new (FALSE, FALSE, sizeof (gsize));
  atoms->hashes = g_array_new (FALSE, FALSE, sizeof (guint32));
  table_reset (atoms, 256);
  return atoms;
}

void
pr_atoms_free (PrAtoms *atoms)
{
  if (atoms == NULL)
    return;
  g_byte_array_unref (atoms->arena);
  g_array_unref (atoms->ends);
  g_array_unref (atoms->hashes);
  g_free (atoms->table);
  g_free (atoms);
}

void
pr_atoms_clear (PrAtoms *atoms)
{
  g_byte_array_set_size (atoms->arena, 0);
  g_array_set_size (atoms->ends, 0);
  g_array_set_size (atoms->hashes, 0);
  table_reset (atoms, 256);
}

gint32
pr_atoms_n (const PrAtoms *atoms)
{
  return (gint32)atoms->ends->len;
}

gsize
pr_atoms_bytes (const PrAtoms *atoms)
{
  return atoms->arena->len;
}

const guint8 *
pr_atoms_at (const PrAtoms *atoms, gint32 atom, gsize *ret_n)
{
  gsize start = atom > 0 ? g_array_index (atoms->ends, gsize, atom - 1) : 0;

  *ret_n = g_array_index (atoms->ends, gsize, atom) - start;
  return atoms->arena->data + start;
}

/* FNV-1a, with the high bits folded in at the end: pairs of small ids differ in few bits. */
static guint32
hash_bytes (const guint8 *bytes, gsize n)
{
  guint64 h = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (gsize i = 0; i < n; i++)
    h = (h ^ bytes[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  h ^= h >> 29;
  h *= G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  return (guint32)(h >> 32);
}

/* The slot of the table that holds BYTES, or the free one where they belong. */
static gsize
find_slot (const PrAtoms *atoms, const void *bytes, gsize n, guint32 hash)
{
  for (gsize slot = hash & atoms->mask;; slot = (slot + 1) & atoms->mask)
    {
      gint32 atom = atoms->table[slot];
      gsize length;

      if (atom < 0)
        return slot;
      if (g_array_index (atoms->hashes, guint32, atom) != hash)
        continue;
      const guint8 *found = pr_atoms_at (atoms, atom, &length);

      if (length == n && (n == 0 || memcmp (found, bytes, n) == 0))
        return slot;
    }
}

static void
grow (PrAtoms *atoms)
{
  table_reset (atoms, (atoms->mask + 1) * 2);
  for (guint i = 0; i < atoms->hashes->len; i++)
    {
      gsize slot = g_array_index (atoms->hashes, guint32, i) & atoms->mask;

      while (atoms->table[slot] >= 0)
        slot = (slot + 1) & atoms->mask;
      atoms->table[slot] = (gint32)i;
    }
}

gint32
pr_atoms_find (const PrAtoms *atoms, const void *bytes, gsize n)
{
  return atoms->table[find_slot (atoms, bytes, n, hash_bytes (bytes, n))];
}

gint32
pr_atoms_intern (PrAtoms *atoms, const void *bytes, gsize n, gboolean *ret_new)
{
  guint32 hash = hash_bytes (bytes, n);
  gsize slot = find_slot (atoms, bytes, n, hash);
  gint32 atom = atoms->table[slot];

  if (ret_new != NULL)
    *ret_new = atom < 0;
  if (atom >= 0)
    return atom;
  atom = (gint32)atoms->ends->len;
  if (n > 0)
    g_byte_array_append (atoms->arena, bytes, (guint)n);
  gsize end = atoms->arena->len;

  g_array_append_val (atoms->ends, end);
  g_array_append_val (atoms->hashes, hash);
  atoms->table[slot] = atom;
  if (atoms->ends->len * 2 > atoms->mask)
    grow (atoms);
  return atom;
}
