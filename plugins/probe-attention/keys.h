/* keys.h - what a pause can look at: a class for every position of a prompt, given the target. */
#ifndef PROBE_ATTENTION_KEYS_H
#define PROBE_ATTENTION_KEYS_H

#include <pauserec/pauserec.h>

/* The parts share out all positions; views overlap with them and with each other.  README.md defines them; tables
 * carry these numbers. */
typedef enum
{
  KEYS_INSTRUCTION, /* words of the template */
  KEYS_SEPARATOR,   /* between items of the history */
  KEYS_RELEVANT,    /* codes of purchases of the target's last category */
  KEYS_OTHER,       /* codes of the other purchases */
  KEYS_TAGS,        /* <think>, </think> */
  KEYS_PAUSES,      /* earlier pauses */
  KEYS_DECODED,     /* the target's codes so far */
  KEYS_SELF,        /* the position that looks, whatever it is */
  KEYS_N_PARTS,
  KEYS_BORDER = KEYS_N_PARTS, /* separators, and the first and last code of every purchase */
  KEYS_ITEM_FIRST,            /* first code of every purchase */
  KEYS_ITEM_LAST,             /* last code of every purchase */
  KEYS_OLDEST,                /* codes of the oldest purchase shown */
  KEYS_NEWEST,                /* codes of the newest */
  KEYS_SAME_CODE,             /* codes of purchases whose first code is the target's */
  KEYS_N_CLASSES,
} KeysClass;
extern const char *const keys_names[KEYS_N_CLASSES];

typedef struct
{
  KeysClass part; /* as if nobody looked from here: never KEYS_SELF */
  guint32 views;  /* bit c: in view c */
  gint32 item;    /* of the data set; -1: none */
  gint32 place;   /* of the purchase in the user's sequence, or -1 */
  gint32 level;   /* of the code, or -1 */
  gint32 token;
} Key;

/* Prompts of users who are to buy what they bought, with all codes of the target but the last: the last one is
 * predicted, and looks at nothing. */
typedef struct
{
  const PrPrompter *prompter;
  const PrSids *sids;
  const PrDataset *dataset;
} KeysSource;

/* Append a Key for every position of USER's prompt in SPLIT. */
void keys_append (const KeysSource *source, gint64 user, PrSplit split, GArray *keys);

#endif
