/* protocol.h - how a model is asked: prompt template and thinking mode (`protocol.json` of lm/1).
 *
 * Training and evaluation build their tokens with the same functions, so that a model is always
 * asked in the way it was taught (paper section 3: same template in training and evaluation).
 *
 *   direct  PROMPT SID
 *   pause   PROMPT <think> <pause> x k </think> SID       (paper: k literal pauses between the tags)
 *   cot     PROMPT <think> rationale </think> SID
 *
 * The template is text with one "{history}", replaced by the SIDs of the last `history` items,
 * oldest first, joined by `separator`.
 */
#ifndef PAUSEREC_PROTOCOL_H
#define PAUSEREC_PROTOCOL_H

#include <pauserec/sids.h>
#include <pauserec/tokenizer.h>

G_BEGIN_DECLS

typedef enum
{
  PR_THINKING_NONE,
  PR_THINKING_PAUSE,
  PR_THINKING_COT,
} PrThinking;

typedef struct
{
  char *prompt;    /* template; owned */
  char *separator; /* between items of the history; owned; may be "" */
  gint64 history;  /* items shown at most */
  PrThinking thinking;
  gint64 pauses;   /* k; with PR_THINKING_PAUSE only */
} PrProtocol;

PrProtocol *pr_protocol_new (const char *prompt, const char *separator, gint64 history);
PrProtocol *pr_protocol_copy (const PrProtocol *protocol);
void pr_protocol_free (PrProtocol *protocol);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrProtocol, pr_protocol_free)
PrProtocol *pr_protocol_load (const char *path, GError **error);
gboolean pr_protocol_save (const PrProtocol *protocol, const char *path, GError **error);
/* "{history}" exactly once, sizes in range: MANIFEST error otherwise. For stages' validate(). */
gboolean pr_protocol_check_template (const char *prompt, GError **error);

/* A protocol bound to a tokenizer and the SIDs of a catalogue: token ids ready to be appended.
 * DATA error if the tokenizer lacks a SID token or a tag that the thinking mode needs. Borrows all three. */
typedef struct PrPrompter PrPrompter;
PrPrompter *pr_prompter_new (const PrProtocol *protocol, const PrTokenizer *tokenizer, const PrSids *sids, GError **error);
void pr_prompter_free (PrPrompter *prompter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrPrompter, pr_prompter_free)
/* Append (gint32) the prompt for HISTORY (N items, oldest first, cut to the last `history`), up to
 * where the SID starts: in pause mode with tags and pauses, in cot mode up to and with <think>. */
void pr_prompter_prompt (const PrPrompter *prompter, const gint32 *history, gint64 n, GArray *tokens);
/* Append the item's SID tokens. */
void pr_prompter_item (const PrPrompter *prompter, gint32 item, GArray *tokens);
/* Token id of (level, code): base of level + code; the codes of a level are consecutive ids. */
gint32 pr_prompter_sid_token (const PrPrompter *prompter, gint32 level, gint32 code);
/* TRUE if nothing stands between the history and the target (direct mode, template ends with {history}, no
 * separator): then all prefixes of a sequence can be trained in one pass, with the same loss. */
gboolean pr_prompter_is_contiguous (const PrPrompter *prompter);

G_END_DECLS

#endif
