/* protocol.h - how a model is asked: prompt template and thinking mode (`protocol.json` of lm/1).
 *
 * Training and evaluation build their tokens with the same functions, so that a model is always
 * asked in the way it was taught (paper section 3: same template in training and evaluation).
 *
 *   none    PROMPT SID
 *   pause   PROMPT <think> <pause> x k </think> SID       (paper: k literal pauses between the tags)
 *   cot     PROMPT <think> rationale </think> SID         (the model writes the rationale)
 *   note    PROMPT <think> note </think> SID              (control: text made from the history by a template stands
 *                                                          where a rationale would; the model writes nothing)
 *   latent  PROMPT <think> [latent] x k </think> SID      (Coconut, ReaRec: the input of a latent position is the final
 *                                                          hidden state of the position before it)
 *
 * The token of pause mode is "<pause>", or any other text that is a single token of the vocabulary: a filler, the
 * control of Goyal et al.  A note is made from the items that the prompt shows; added tokens in it (an item may call
 * itself
 * "</think>") are left out, and where a blank has no words the tags stand alone.
 *
 * The template is text with one "{history}", replaced by the SIDs of the last `history` items,
 * oldest first, joined by `separator`.
 */
#ifndef PAUSEREC_PROTOCOL_H
#define PAUSEREC_PROTOCOL_H

#include <pauserec/dataset.h>
#include <pauserec/sids.h>
#include <pauserec/tokenizer.h>

G_BEGIN_DECLS

typedef enum
{
  PR_THINKING_NONE,
  PR_THINKING_PAUSE,
  PR_THINKING_COT,
  PR_THINKING_NOTE,
  PR_THINKING_LATENT,
} PrThinking;
extern const char *const pr_thinking_names[]; /* "none", "pause", "cot", "note", "latent", NULL */

typedef struct
{
  char *prompt;    /* template; owned */
  char *separator; /* between items of the history; owned; may be "" */
  gint64 history;  /* items shown at most */
  PrThinking thinking;
  gint64 pauses; /* k; with PR_THINKING_PAUSE and PR_THINKING_LATENT only */
  char *token;   /* name of the token that pauses; owned; never NULL; "<pause>" unless PR_THINKING_PAUSE says other */
  char *note;    /* template of the note (template.h, fields of the history only); owned; "" unless PR_THINKING_NOTE */
} PrProtocol;

#define PR_PAUSE_TOKEN "<pause>"

PrProtocol *pr_protocol_new (const char *prompt, const char *separator, gint64 history);
PrProtocol *pr_protocol_copy (const PrProtocol *protocol);
void pr_protocol_free (PrProtocol *protocol);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrProtocol, pr_protocol_free)
/* protocol.json: prompt, separator, history, thinking, pauses; token in pause mode where it is not "<pause>", note in
 * note mode.  Any other key, and a key of another mode, is a DATA error. */
PrProtocol *pr_protocol_load (const char *path, GError **error);
gboolean pr_protocol_save (const PrProtocol *protocol, const char *path, GError **error);
/* "{history}" exactly once, sizes in range: MANIFEST error otherwise. For stages' validate(). */
gboolean pr_protocol_check_template (const char *prompt, GError **error);

/* A protocol bound to a tokenizer, the SIDs of a catalogue and, for notes, its items: token ids ready to be appended.
 * DATA error if the tokenizer lacks a SID token or a tag or token that the thinking mode needs; MANIFEST for a template
 * that is wrong.  DATASET may be NULL but in note mode (PLUGIN).  Borrows all but the protocol. */
typedef struct PrPrompter PrPrompter;
PrPrompter *pr_prompter_new (const PrProtocol *protocol, const PrTokenizer *tokenizer, const PrSids *sids,
                             const PrDataset *dataset, GError **error);
void pr_prompter_free (PrPrompter *prompter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrPrompter, pr_prompter_free)
/* Append (gint32) the prompt for HISTORY (N items, oldest first, cut to the last `history`), up to
 * where the SID starts: in pause and note mode with tags and what stands between them, in cot and latent mode up to and
 * with <think>. */
void pr_prompter_prompt (const PrPrompter *prompter, const gint32 *history, gint64 n, GArray *tokens);
/* The same, and into MARKS (PrPromptMark) what each token is; TOKENS and MARKS must be equally long. */
typedef enum
{
  PR_PROMPT_TEXT,      /* the template's words, before and after the history */
  PR_PROMPT_SEPARATOR, /* between two items */
  PR_PROMPT_ITEM,      /* a code of an item */
  PR_PROMPT_TAG,       /* <think>, </think> */
  PR_PROMPT_PAUSE,
  PR_PROMPT_NOTE,
} PrPromptPart;
typedef struct
{
  PrPromptPart part;
  gint32 place; /* of the item in HISTORY; -1: no item */
  gint32 level; /* of the code; -1: no item */
} PrPromptMark;
void pr_prompter_marked_prompt (const PrPrompter *prompter, const gint32 *history, gint64 n, GArray *tokens,
                                GArray *marks);
/* Append what always stands between the prompt and the SID, without being part of the prompt: in latent mode k times
 * PR_TOKEN_LATENT (lm.h) and </think>; nothing in the other modes. */
void pr_prompter_bridge (const PrPrompter *prompter, GArray *tokens);
PrThinking pr_prompter_thinking (const PrPrompter *prompter);
/* Id of </think>, which ends a thought; -1 where the mode has none. */
gint32 pr_prompter_end_think (const PrPrompter *prompter);
/* Whether TOKEN may stand in a thought: it is no SID and no added token (<think>, <pause>, <|endoftext|>, ...). */
gboolean pr_prompter_is_word (const PrPrompter *prompter, gint32 token);
/* Append the item's SID tokens. */
void pr_prompter_item (const PrPrompter *prompter, gint32 item, GArray *tokens);
/* Token id of (level, code): base of level + code; the codes of a level are consecutive ids. */
gint32 pr_prompter_sid_token (const PrPrompter *prompter, gint32 level, gint32 code);
/* TRUE if nothing stands between the history and the target (direct mode, template ends with {history}, no
 * separator): then all prefixes of a sequence can be trained in one pass, with the same loss. */
gboolean pr_prompter_is_contiguous (const PrPrompter *prompter);

G_END_DECLS

#endif
