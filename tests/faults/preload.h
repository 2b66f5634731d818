/* preload.h - what libraries for LD_PRELOAD share. */
#ifndef PRELOAD_H
#define PRELOAD_H

#include <dlfcn.h>

#define REPLACES __attribute__ ((visibility ("default")))

/* Let the variable NEXT be the function NAME that this library stands before. */
#define NEXT(next, name) (*(void **)&(next) = dlsym (RTLD_NEXT, (name)))

#endif
