/* net-private.h - the inside of a PrNet. */
#ifndef PR_NET_PRIVATE_H
#define PR_NET_PRIVATE_H

#include <pauserec/net.h>

struct PrNet
{
  GArray *params; /* PrNetParam */
  GArray *ranges; /* PrNetRange */
  gint64 length, size;
  float *weights; /* NULL until they are first asked for */
};

#endif
