/* face.h - ways to show tables, so that each table is written once. */
#ifndef PR_FACE_H
#define PR_FACE_H

#include "results/grid.h"

typedef struct
{
  void (*title) (GString *out, const char *text); /* what it is all about; ends with an empty line */
  void (*grid) (const PrGrid *grid, GString *out);
  void (*gap) (GString *out);                    /* between tables */
  void (*note) (GString *out, const char *text); /* a paragraph below the tables */
} PrFace;

extern const PrFace pr_face_text, pr_face_markdown, pr_face_latex;

#endif
