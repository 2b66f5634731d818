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

static gboolean
digest_fd (int fd, const char *path, EVP_MD_CTX *context, GError **error)
{
  g_autofree guint8 *buffer = g_malloc (CHUNK_BYTES);

  for (;;)
    {
      ssize_t n = read (fd, buffer, CHUNK_BYTES);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return pr_error_set_errno (error, errno, "cannot read", path);
      if (n == 0)
        break;
      if (EVP_DigestUpdate (context, buffer, (size_t)n) != 1)
        return pr_error_set_errno (error, ENOMEM, "cannot compute the SHA-256 of", path);
    }
  return TRUE;
}

char *
pr_sha256_file (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  EVP_MD_CTX *context;
  guint8 out[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  gboolean ok;

  if (fd < 0)
    {
      pr_error_set_errno (error, errno, "cannot open", path);
      return NULL;
    }
  context = EVP_MD_CTX_new ();
  if (context == NULL || EVP_DigestInit_ex (context, EVP_sha256 (), NULL) != 1)
    ok = pr_error_set_errno (error, ENOMEM, "cannot compute the SHA-256 of", path);
  else
    ok = digest_fd (fd, path, context, error);
  if (ok && EVP_DigestFinal_ex (context, out, &n) != 1)
    ok = pr_error_set_errno (error, ENOMEM, "cannot compute the SHA-256 of", path);
  EVP_MD_CTX_free (context);
  close (fd);
  return ok ? to_hex (out, n) : NULL;
}

gboolean
pr_sha256_ok (const char *hex)
{
  return hex != NULL && strlen (hex) == PR_SHA256_HEX && strspn (hex, "0123456789abcdef") == PR_SHA256_HEX;
}
