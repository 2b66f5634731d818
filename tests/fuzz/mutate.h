/* mutate.h - damage bytes in a way that depends on a number only. */
#ifndef PR_MUTATE_H
#define PR_MUTATE_H

#include <pauserec/rng.h>
#include <string.h>

/* What tends to break parsers, beside random bytes. */
static const char *const mutate_tokens[] = {
  "\n",
  "\t",
  "\"",
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "-",
  "0",
  "-1",
  "1e999",
  "99999999999999999999",
  "\r\n",
  "\xff",
  "\xc3",
  "\xef\xbb\xbf",
  "\\u0000",
  "\\ud800",
  "null",
  "NaN",
  "4294967296",
  "9223372036854775807",
  "\"item\":\"a\"",
};

/* A damaged copy of the N bytes at DATA (owned by the caller), the ROUND-th of its kind: 1 to 4 of these: a byte
 * replaced, a bit turned, a token put in, a stretch cut out, doubled, or the end cut off. */
static inline GByteArray *
mutate (const void *data, gsize n, guint64 round)
{
  PrRng rng = pr_rng_new (round, "mutate");
  GByteArray *bytes = g_byte_array_new ();
  guint64 steps = 1 + pr_rng_below (rng, 0, 0, 4);

  g_byte_array_append (bytes, data, (guint)n);
  for (guint64 s = 1; s <= steps; s++)
    {
      guint at = (guint)pr_rng_below (rng, s, 0, bytes->len + 1);
      guint length = (guint)pr_rng_below (rng, s, 1, 16);
      guint8 byte = (guint8)pr_rng_u32 (rng, s, 2);
      const char *token = mutate_tokens[pr_rng_below (rng, s, 3, G_N_ELEMENTS (mutate_tokens))];
      GByteArray *next = g_byte_array_new ();
      guint behind = MIN (at + length, bytes->len);

      g_byte_array_append (next, bytes->data, at);
      switch (pr_rng_below (rng, s, 4, 6))
        {
        case 0:
          g_byte_array_append (next, &byte, 1);
          behind = MIN (at + 1, bytes->len);
          break;
        case 1:
          byte = at < bytes->len ? bytes->data[at] ^ (guint8)(1 << (byte & 7)) : byte;
          g_byte_array_append (next, &byte, 1);
          behind = MIN (at + 1, bytes->len);
          break;
        case 2:
          g_byte_array_append (next, (const guint8 *)token, (guint)strlen (token));
          behind = at;
          break;
        case 3:
          break;
        case 4:
          g_byte_array_append (next, bytes->data + at, behind - at);
          behind = at;
          break;
        default:
          behind = bytes->len;
          break;
        }
      g_byte_array_append (next, bytes->data + behind, bytes->len - behind);
      g_byte_array_unref (bytes);
      bytes = next;
    }
  return bytes;
}

#endif
