#include "config.h"

#include "runtime/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pauserec/error.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES (1 << 20)

static char *
to_hex (const guint8 *bytes, gsize n)
{
  char *hex = g_malloc (2 * n + 1);

  for (gsize i = 0; i < n; i++)
    g_snprintf (hex + 2 * i, 3, "%02x", bytes[i]);
  return hex;
}

char *
pr_sha256_bytes (const void *data, gsize length)
{
  guint8 out[EVP_MAX_MD_SIZE];
  unsigned n = 0;

  if (EVP_Digest (data, length, out, &n, EVP_sha256 (), NULL) == 1)
    return to_hex (out, n);
  /* libcrypto may be configured without it; GLib's is slower, but cannot fail. */
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, data, length);
}

struct PrSha256
{
  EVP_MD_CTX *context;
  GChecksum *slow; /* where libcrypto is configured without it */
  gboolean broken;
};

PrSha256 *
pr_sha256_new (void)
{
  PrSha256 *sha256 = g_new0 (PrSha256, 1);

  sha256->context = EVP_MD_CTX_new ();
  if (sha256->context == NULL || EVP_DigestInit_ex (sha256->context, EVP_sha256 (), NULL) != 1)
    sha256->slow = g_checksum_new (G_CHECKSUM_SHA256);
  return sha256;
}

void
pr_sha256_add (PrSha256 *sha256, const void *data, gsize length)
{
  if (sha256->slow != NULL)
    for (gsize at = 0; at < length; at += CHUNK_BYTES)
      g_checksum_update (sha256->slow, (const guchar *)data + at, (gssize)MIN (length - at, CHUNK_BYTES));
  else if (EVP_DigestUpdate (sha256->context, data, length) != 1)
    sha256->broken = TRUE;
}

char *
pr_sha256_finish (PrSha256 *sha256)
{
  guint8 out[EVP_MAX_MD_SIZE];
  unsigned n = 0;

  if (sha256->slow != NULL)
    return g_strdup (g_checksum_get_string (sha256->slow));
  /* libcrypto has all it needs since _new(); if it fails all the same, the result equals no digest. */
  if (sha256->broken || EVP_DigestFinal_ex (sha256->context, out, &n) != 1)
    return g_strdup ("");
  return to_hex (out, n);
}

void
pr_sha256_free (PrSha256 *sha256)
{
  if (sha256 == NULL)
    return;
  EVP_MD_CTX_free (sha256->context);
  g_clear_pointer (&sha256->slow, g_checksum_free);
  g_free (sha256);
}

char *
pr_sha256_file (const char *path, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (CHUNK_BYTES);
  g_autoptr (PrSha256) sha256 = pr_sha256_new ();
  int fd = open (path, O_RDONLY | O_CLOEXEC), saved;
  ssize_t n = 0;

  if (fd < 0)
    {
      pr_error_set_errno (error, errno, "cannot open", path);
      return NULL;
    }
  do
    {
      n = read (fd, buffer, CHUNK_BYTES);
      if (n > 0)
        pr_sha256_add (sha256, buffer, (gsize)n);
    }
  while (n > 0 || (n < 0 && errno == EINTR));
  saved = errno;
  close (fd);
  if (n == 0)
    return pr_sha256_finish (sha256);
  pr_error_set_errno (error, saved, "cannot read", path);
  return NULL;
}

gboolean
pr_sha256_ok (const char *hex)
{
  return hex != NULL && strlen (hex) == PR_SHA256_HEX && strspn (hex, "0123456789abcdef") == PR_SHA256_HEX;
}
