// SPDX-License-Identifier: Apache-2.0
/* The operators of registry.c, and what several of them need. One operator, or one family, a file. */
#ifndef FET_ENGINE_TRAIN_OPERATORS_H
#define FET_ENGINE_TRAIN_OPERATORS_H

#include "engine/train/train.h"

extern const fet_train_op fet_train_conv, fet_train_depthwise, fet_train_conv_transpose, fet_train_gemm, fet_train_matmul;
extern const fet_train_op fet_train_activation; /* every function of unary.inc */
extern const fet_train_op fet_train_binary;     /* Add, Sub, Mul, Div, PRelu */
extern const fet_train_op fet_train_variadic;   /* Sum, Mean, Max, Min */
extern const fet_train_op fet_train_pool;       /* MaxPool, AveragePool, GlobalMaxPool */
extern const fet_train_op fet_train_reduce, fet_train_softmax, fet_train_lrn;
extern const fet_train_op fet_train_move;   /* every operator that only moves numbers */
extern const fet_train_op fet_train_resize; /* linear and cubic */
extern const fet_train_op fet_train_global_average_pool;
extern const fet_train_op fet_train_reshape; /* the same numbers in plain order under another shape */

/* A Conv that fet_train_depthwise does: one channel a group, where oneDNN is not the faster one. */
bool fet_train_own_depthwise(const fet_trainer *trainer, const fet_node *node);
/* A Resize that fet_train_resize does. */
bool fet_train_computing_resize(const fet_node *node);
/* Zeroes the channels that only pad the last block; nothing to do in other layouts. */
void fet_train_clear_padding(const fet_trainer *trainer, fet_id value, int64_t count, void *data);

#endif
