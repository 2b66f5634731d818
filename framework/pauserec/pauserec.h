/* pauserec.h - everything a plugin author needs. */
#ifndef PAUSEREC_H
#define PAUSEREC_H

#include <pauserec/answer.h>
#include <pauserec/backend.h>
#include <pauserec/corruption.h>
#include <pauserec/dataset.h>
#include <pauserec/decode.h>
#include <pauserec/error.h>
#include <pauserec/fit.h>
#include <pauserec/geometry.h>
#include <pauserec/io.h>
#include <pauserec/itemtext.h>
#include <pauserec/linalg.h>
#include <pauserec/lm.h>
#include <pauserec/lmdims.h>
#include <pauserec/matrix.h>
#include <pauserec/net.h>
#include <pauserec/params.h>
#include <pauserec/plugin.h>
#include <pauserec/protocol.h>
#include <pauserec/purchases.h>
#include <pauserec/ranking.h>
#include <pauserec/rationales.h>
#include <pauserec/require.h>
#include <pauserec/rng.h>
#include <pauserec/run.h>
#include <pauserec/seqrec.h>
#include <pauserec/sft.h>
#include <pauserec/sids.h>
#include <pauserec/template.h>
#include <pauserec/tensors.h>
#include <pauserec/textio.h>
#include <pauserec/threads.h>
#include <pauserec/tokengroups.h>
#include <pauserec/tokenizer.h>
#include <pauserec/tokenrows.h>
#include <pauserec/train.h>
#include <pauserec/wording.h>

#endif
