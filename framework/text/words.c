/* words.c - the pre-tokeniser on PCRE2, JIT-compiled. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/words.h"

#include <pauserec/error.h>
#include <pcre2.h>

const char pr_words_regex[] =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/* The same, with white space written out: Hugging Face's \s is Unicode's White_Space, PCRE2's differs by U+180E. */
#define SPACE "\\t-\\r \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
static const char pattern[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^" SPACE
                              "\\p{L}\\p{N}]+[\\r\\n]*|[" SPACE "]*[\\r\\n]+|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+";

#define JIT_STACK_MAX (8 * 1024 * 1024)

struct PrWordSplitter
{
  pcre2_code *code;
  pcre2_match_data *match;
  pcre2_match_context *context;
  pcre2_jit_stack *stack;
};

PrWordSplitter *
pr_word_splitter_new (GError **error)
{
  g_autoptr (PrWordSplitter) splitter = g_new0 (PrWordSplitter, 1);
  int code;
  PCRE2_SIZE offset;

  splitter->code = pcre2_compile ((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &code, &offset, NULL);
  if (splitter->code == NULL)
    {
      PCRE2_UCHAR message[128];

      pcre2_get_error_message (code, message, sizeof message);
      g_set_error (
          error, PR_ERROR, PR_ERROR_IO,
          "the PCRE2 library refuses the tokenizer's regular expression at %zu: %s; install PCRE2 with Unicode", offset,
          (const char *)message);
      return NULL;
    }
  /* Without JIT (some machines forbid it) the interpreter gives the same words. */
  pcre2_jit_compile (splitter->code, PCRE2_JIT_COMPLETE);
  splitter->match = pcre2_match_data_create_from_pattern (splitter->code, NULL);
  splitter->context = pcre2_match_context_create (NULL);
  splitter->stack = pcre2_jit_stack_create (32 * 1024, JIT_STACK_MAX, NULL);
  if (splitter->match == NULL || splitter->context == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "no memory for the tokenizer's regular expression");
      return NULL;
    }
  if (splitter->stack != NULL)
    pcre2_jit_stack_assign (splitter->context, NULL, splitter->stack);
  return g_steal_pointer (&splitter);
}

void
pr_word_splitter_free (PrWordSplitter *splitter)
{
  if (splitter == NULL)
    return;
  pcre2_match_data_free (splitter->match);
  pcre2_match_context_free (splitter->context);
  pcre2_jit_stack_free (splitter->stack);
  pcre2_code_free (splitter->code);
  g_free (splitter);
}

gsize
pr_word_splitter_next (PrWordSplitter *splitter, const char *text, gsize length, gsize start)
{
  const guint32 options = PCRE2_NO_UTF_CHECK | PCRE2_ANCHORED;
  PCRE2_SPTR subject = (PCRE2_SPTR)text + start;
  /* The expression never looks back, so the rest of the text is a subject of its own. */
  int n =
      pcre2_match (splitter->code, subject, length - start, 0, PCRE2_NO_UTF_CHECK, splitter->match, splitter->context);

  if (n < 0)
    n = pcre2_match (splitter->code, subject, length - start, 0, options | PCRE2_NO_JIT, splitter->match, NULL);
  if (n < 0) /* a word beyond the matcher's limits: the rest is one word */
    return length;
  const PCRE2_SIZE *found = pcre2_get_ovector_pointer (splitter->match);

  return found[0] == 0 && found[1] > 0 ? start + found[1] : length;
}
