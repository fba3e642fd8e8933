// SPDX-License-Identifier: Apache-2.0
/*
 * A device file: YAML checked against a schema (fields.h), errors with file, line and field. It says which kind a device is ("described":
 * simulated from the numbers in it; "recorded": a table beside it; "measured": this machine) and which kernels it fuses. Files lie in
 * devices/: of the working directory, then of fettle itself.
 */
#ifndef FET_DEVICE_DESCRIBED_DESCRIBED_H
#define FET_DEVICE_DESCRIBED_DESCRIBED_H

#include "device/device.h"
#include "device/simulate/simulate.h"
#include "space/space.h"

typedef enum fet_device_kind { FET_DEVICE_DESCRIBED = 0, FET_DEVICE_RECORDED, FET_DEVICE_MEASURED } fet_device_kind;

typedef struct fet_device_file {
    fet_device_kind kind;
    const char *name, *help; /* help: "" when there is none */
    const char *path;        /* of the file */
    const char *table;       /* RECORDED: path of the CSV */
    const char *isa;         /* MEASURED; NULL: auto */
    fet_fusion_rules fusion;
    fet_parallelism parallelism; /* stated, or what the array has */
    fet_sim_machine machine;     /* DESCRIBED; its name is `name` */
    uint64_t hash;               /* of the file's text */
    fet_arena *arena;            /* of the texts */
} fet_device_file;

/* `path`: for messages and for what stands relative to it. Errors: ARG with line and field; NOMEM. */
FET_MUST_CHECK fet_status fet_device_file_parse(const char *path, const char *text, size_t bytes, fet_device_file **out_file);
void fet_device_file_destroy(fet_device_file *file);
FET_DEFINE_AUTO(fet_device_file);

/* Where the file of a name is: "npu-16", or a path ending in .yaml. NOT_FOUND says where was looked, and the nearest name. Heap. */
FET_MUST_CHECK fet_status fet_device_file_find(const char *name, char **out_path);
FET_MUST_CHECK fet_status fet_device_file_load(const char *name, fet_device_file **out_file);
/* What the file of a device states, or its array has: of those kinds that are files. */
FET_MUST_CHECK fet_status fet_device_file_parallelism(const fet_device_options *options, fet_parallelism *out_parallelism);
/* Names of all device files, sorted, each once; from the arena. */
FET_MUST_CHECK fet_status fet_device_file_list(fet_arena *arena, const char *const **out_names, uint32_t *out_n);

/*
 * Sets one number of a machine as a file would: field "sram.size" ("sram" and "clock" mean sram.size and the clock), text "512 KiB" or
 * "512K" (1024s). ARG names field and range. *out_value, which may be NULL, is the number.
 */
FET_MUST_CHECK fet_status fet_device_machine_set(fet_sim_machine *machine, const char *field, const char *text, double *out_value);
FET_MUST_CHECK fet_status fet_device_machine_set_number(fet_sim_machine *machine, const char *field, double value);

#endif
