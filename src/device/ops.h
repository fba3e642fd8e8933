// SPDX-License-Identifier: Apache-2.0
/*
 * What a kind of device has to do. A new kind is one file with a const table of these and one line in registry.c; it must pass
 * tests/device/test_conformance.c. State is the kind's own; everything it borrows from the options is copied in open.
 */
#ifndef FET_DEVICE_OPS_H
#define FET_DEVICE_OPS_H

#include "device/between.h"
#include "device/device.h"

typedef struct fet_device_ops {
    const char *name; /* "host": as a job writes it */
    const char *help;
    bool needs_file;        /* a device of this kind is a file; false: the kind's name is the device */
    fet_cost_source source; /* of everything it says */
    size_t state_bytes;     /* of its state, which is zeroed before open */
    /* Fills the state. close releases what it holds, whatever open has said. */
    fet_status (*open)(const fet_device_options *options, void *state);
    void (*close)(void *state);
    const char *(*describe)(const void *state);
    const fet_fusion_rules *(*fusion_rules)(const void *state);
    bool (*lookup)(const void *state, const fet_kernel_key *key, fet_cost *out_cost);
    /* Makes all of them known; those that are known already cost nothing. */
    fet_status (*measure)(void *state, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context);
    /* Measures known kernels at another time, in turns, and keeps nothing; NULL: nothing here can be measured. */
    fet_status (*repeat)(void *state, const fet_kernel_key *keys, size_t n_keys, fet_device_progress progress, void *context,
                         fet_repeat *out_repeats);
    /* Keeps one of them in its table; every measurement of a kernel, the first one first. NULL where repeat is. */
    fet_status (*keep_repeat)(void *state, const fet_kernel_key *key, const fet_repeat *repeat);
    uint32_t (*repeats)(const void *state, const fet_kernel_key *key, fet_repeat repeats[FET_REPEATS_MAX]);
    /* End to end; NULL: nothing here can be measured, networks cost what is known of them. */
    fet_status (*measure_networks)(void *state, const char *const *onnx_paths, size_t n, double *out_ms, double *out_spread);
    /* A whole network, where the kind knows better than the sum of its kernels; NULL: the sum. kernel_ms may be NULL. */
    fet_status (*network_latency)(const void *state, const fet_graph *graph, const fet_kernels *kernels, fet_arena *scratch,
                                  double *kernel_ms, double *out_ms);
    /* The i-th of the kernels that stand in its table; false behind the last. NULL: it has none. */
    bool (*known)(const void *state, uint32_t i, fet_kernel_key *out_key, fet_cost *out_cost);
    /* What is learned to stand between the kernels of networks of this base (fet_graph_hash, its lower half; 0: any other), on top of
     * network_latency; NULL, or giving NULL: nothing. */
    const fet_between *(*between)(const void *state, uint32_t base);
    uint32_t (*channel_rounding)(const void *state); /* NULL: none */
    const char *(*table_path)(const void *state);    /* of a table that grows; NULL: none */
    /* From the options alone, without opening. */
    fet_status (*parallelism)(const fet_device_options *options, fet_parallelism *out_parallelism);
    /* Whether it has kernels of this precision, whatever the options' own is. From the options alone, too. */
    fet_status (*computes)(const fet_device_options *options, fet_dtype precision, bool *out_computes);
} fet_device_ops;

extern const fet_device_ops fet_device_host;      /* host/host.c */
extern const fet_device_ops fet_device_described; /* described/described.c */
extern const fet_device_ops fet_device_template;  /* simulate/template/template.c */
extern const fet_device_ops fet_device_recorded;  /* recorded/recorded.c */
extern const fet_device_ops fet_device_estimated; /* estimated/estimated.c */

extern const fet_device_ops *const fet_device_kinds[]; /* NULL-terminated */

#endif
