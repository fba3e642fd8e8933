// SPDX-License-Identifier: Apache-2.0
/* The job's device: this machine, one of devices/, or somebody's device file. What the job asks of it is checked against what it has. */
#include "device/described/described.h"
#include "device/estimated/estimated.h"
#include "run/job_value.h"

#include <stdio.h>
#include <string.h>

static const char *const precisions[] = {"int8", "bf16", "f32"};
static const fet_dtype dtypes[] = {FET_DTYPE_S8, FET_DTYPE_BF16, FET_DTYPE_F32};
static const char *const isas[] = {"auto", "amx", "avx512_bf16", "avx512_vnni", "avx512", "avx2_vnni", "avx2"};
enum { N_PRECISIONS = sizeof precisions / sizeof *precisions, N_ISAS = sizeof isas / sizeof *isas };

/* A path is relative to the job's folder, and absolute in the job; a name stays one. */
static fet_status keep_name(fet_arena *arena, const char *folder, const char *text, const char **out_name)
{
    size_t length = strlen(text);
    bool is_path = strchr(text, '/') || (length > 5 && strcmp(text + length - 5, ".yaml") == 0) || fet_device_is_estimate(text);
    *out_name = is_path && text[0] != '/' ? fet_arena_printf(arena, "%s/%s", folder, text) : fet_arena_strdup(arena, text);
    return *out_name ? FET_OK : fet_arena_full();
}

static fet_status load(fet_job_yaml *yaml, const char *name, fet_device_file **out_file)
{
    fet_status status = fet_device_file_load(name, out_file);
    if (status != FET_ERROR_NOT_FOUND) return status; /* a mistake in the device's file is told with its own place */
    char message[1024];
    snprintf(message, sizeof message, "%s", fet_error_message());
    return fet_job_yaml_fail(yaml, "device.name", "%s", message);
}

/* An accelerator computes in what its array has; its quality is that of the same precision here. */
static fet_status check_described(fet_job_yaml *yaml, const fet_device_file *file, size_t precision)
{
    const fet_job_raw_device *raw = &yaml->raw->device;
    char able[64] = "";
    for (size_t p = 0; p < N_PRECISIONS; p++) {
        size_t used = strlen(able);
        if (fet_sim_precision_of(&file->machine, dtypes[p]) != FET_SIM_N_PRECISIONS)
            snprintf(able + used, sizeof able - used, "%s%s", used ? " or " : "", precisions[p]);
    }
    if (fet_sim_precision_of(&file->machine, dtypes[precision]) == FET_SIM_N_PRECISIONS)
        return fet_job_yaml_fail(yaml, "device.precision", "\"%s\": %s does not compute in it: expected %s", precisions[precision],
                                 file->name, able[0] ? able : "another device");
    if (raw->isa && strcmp(raw->isa, "auto") != 0)
        return fet_job_yaml_fail(yaml, "device.isa", "\"%.40s\": %s is a described device: expected none, it belongs to host", raw->isa,
                                 file->name);
    return FET_OK;
}

/* The file is read when the device is opened; here it has to be there, and to be of the job's precision. */
static fet_status check_estimated(fet_job_yaml *yaml, const char *path, size_t precision)
{
    fet_auto(fet_estimator) estimator = NULL;
    fet_status status = fet_estimator_read(path, &estimator);
    char message[1024];
    snprintf(message, sizeof message, "%s", fet_error_message());
    if (status == FET_ERROR_NOT_FOUND) return fet_job_yaml_fail(yaml, "device.name", "%s", message);
    FET_TRY(status);
    if (fet_estimator_precision(estimator) == dtypes[precision]) return FET_OK;
    return fet_job_yaml_fail(yaml, "device.precision", "\"%s\": %s was fitted to kernels in %s", precisions[precision], path,
                             fet_dtype_name(fet_estimator_precision(estimator)));
}

fet_status fet_job_device(fet_job_yaml *yaml, fet_arena *arena, const char *folder, fet_device_options *out_device)
{
    const fet_job_raw_device *raw = &yaml->raw->device;
    fet_auto(fet_device_file) file = NULL;
    size_t precision = 0, isa = 0;
    fet_device_options device = {.name = "host"};
    FET_TRY(fet_job_choice(yaml, raw->precision, "device.precision", "precision", precisions, N_PRECISIONS, 0, &precision));
    FET_TRY(fet_job_choice(yaml, raw->isa, "device.isa", "instruction set", isas, N_ISAS, 0, &isa));
    if (raw->name && fet_device_is_estimate(raw->name)) {
        FET_TRY(keep_name(arena, folder, raw->name, &device.name));
        FET_TRY(check_estimated(yaml, device.name, precision));
    } else if (raw->name && fet_device_is_built_in(raw->name)) {
        FET_TRY(keep_name(arena, folder, raw->name, &device.name));
    } else if (raw->name) {
        FET_TRY(keep_name(arena, folder, raw->name, &device.name));
        FET_TRY(load(yaml, device.name, &file));
        if (file->kind == FET_DEVICE_DESCRIBED) FET_TRY(check_described(yaml, file, precision));
        if (file->kind == FET_DEVICE_MEASURED) device.name = "host"; /* by another name */
        if (file->kind == FET_DEVICE_MEASURED && !raw->isa)
            FET_TRY(fet_job_choice(yaml, file->isa, "device.name", "instruction set", isas, N_ISAS, 0, &isa));
    }
    device.precision = dtypes[precision];
    device.isa = isas[isa];
    *out_device = device;
    return FET_OK;
}
