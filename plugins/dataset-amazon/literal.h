/* literal.h - lines that Python printed of a dictionary, as the metadata of 2014 were written. */
#ifndef PR_DATASET_AMAZON_LITERAL_H
#define PR_DATASET_AMAZON_LITERAL_H

#include <glib.h>
#include <jansson.h>

/* Brackets within brackets, and values in all, of one literal. */
#define LITERAL_MAX_DEPTH 32
#define LITERAL_MAX_VALUES 100000

/* The value of a Python literal as Python 2 or 3 prints it: dictionaries with strings as keys, lists, strings ('', "",
 * u''), whole numbers and floats, True, False, None.  Nothing is evaluated.  In a string without u'' escapes \xNN are
 * bytes if they make UTF-8 (Python 2), characters otherwise (Python 3); half a surrogate pair becomes U+FFFD. DATA
 * "WHERE: column C: ...": anything else, a key twice, NUL, more depth or values than the limits above.  The caller owns
 * the result. */
json_t *literal_parse (const char *text, gsize length, const char *where, GError **error);

#endif
