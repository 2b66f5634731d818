/* pauserec - the program: picks a command and reports its error once. */
#include "config.h"

#include <pauserec/pauserec.h>

int
main (int argc, char **argv)
{
  (void) argc;
  (void) argv;
  return 0;
}
