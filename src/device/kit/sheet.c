// SPDX-License-Identifier: Apache-2.0
#include "device/kit/sheet.h"

#include "base/file.h"
#include "device/kit/single.h"
#include "device/recorded/recorded.h"
#include "format/onnx/onnx.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = FET_KERNEL_KEY_TEXT_BYTES + 96 };

/* Text that grows. */
typedef struct text {
    char *data;
    size_t bytes, room;
} text;

static fet_status put(text *t, const char *format, ...) FET_PRINTF(2, 3);
static fet_status put(text *t, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= sizeof line) return fet_fail(FET_ERROR_LIMIT, "a line of the kit's files is too long");
    FET_TRY(fet_grow(&t->data, &t->room, t->bytes + (size_t)n + 1, 1));
    memcpy(t->data + t->bytes, line, (size_t)n + 1);
    t->bytes += (size_t)n;
    return FET_OK;
}

static fet_status write_network(const fet_kernel_key *key, const char *folder, const char *name)
{
    fet_auto(fet_graph) graph = NULL;
    char *path = NULL;
    FET_TRY(fet_kit_single_build(key, &graph));
    FET_TRY(fet_path_join(folder, name, &path));
    fet_status status = fet_onnx_write(graph, path, FET_ONNX_OPSET_WRITTEN);
    fet_free(path);
    return status;
}

static fet_status write_rows(const fet_kit_plan *plan, const char *folder, text *t, fet_kit_sheet *sheet)
{
    FET_TRY(put(t, "# Run each file on the board, batch 1, and write what one run takes into latency_ms (and the relative spread of\n"));
    FET_TRY(put(t, "# the runs into spread, 0 if it is not known). A kernel that the board cannot run: delete its row.\n"));
    FET_TRY(
        put(t, "# A row without a file is a conversion, or another step that no network of its own shows: write what the board's own\n"));
    FET_TRY(put(t, "# takes; where it takes none, a very small number such as 0.000001.\n"));
    FET_TRY(put(t, "number,file,kernel,latency_ms,spread\n"));
    for (uint32_t i = 0; i < plan->n; i++) {
        char name[32], key[FET_KERNEL_KEY_TEXT_BYTES];
        fet_kernel_key_print(&plan->items[i].key, key, sizeof key);
        if (!fet_kit_single_can(&plan->items[i].key)) {
            if (sheet->left_out++ == 0) memcpy(sheet->first_left_out, key, sizeof key);
            FET_TRY(put(t, "%u,,\"%s\",,\n", i + 1, key));
            continue;
        }
        sheet->written++;
        snprintf(name, sizeof name, "kernel-%05u.onnx", i + 1);
        FET_TRY(write_network(&plan->items[i].key, folder, name));
        FET_TRY(put(t, "%u,%s,\"%s\",,\n", i + 1, name, key));
    }
    return FET_OK;
}

/* The sheet comes last: where it is, all files are. */
fet_status fet_kit_sheet_write(const fet_kit_plan *plan, const char *folder, fet_kit_sheet *out_sheet)
{
    fet_kit_sheet sheet = {.written = 0};
    text t = {0};
    char *path = NULL;
    FET_TRY(fet_dir_make(folder));
    FET_TRY(fet_path_join(folder, FET_KIT_SHEET_NAME, &path));
    fet_status status = fet_file_exists(path)
                            ? fet_fail(FET_ERROR_EXISTS, "%s is there already, perhaps filled in: take another folder, or remove it", path)
                            : write_rows(plan, folder, &t, &sheet);
    if (status == FET_OK) status = fet_file_replace(path, t.data, t.bytes);
    fet_free(t.data);
    fet_free(path);
    if (status == FET_OK) *out_sheet = sheet;
    return status;
}

static fet_status describe(text *t, const char *table, const fet_fusion_rules *rules, fet_parallelism parallelism)
{
    static const char *const bools[] = {"false", "true"};
    FET_TRY(put(t, "# SPDX-License-Identifier: Apache-2.0\nhelp: kernels measured on a board\nkind: recorded\n"));
    FET_TRY(put(t, "table: %s\n", table));
    FET_TRY(put(t, "parallelism: {out: %u, in: %u}\nfusion:\n", parallelism.out_channels, parallelism.in_channels));
    FET_TRY(put(t, "  batch_norm: %s\n  add: %s\n", bools[rules->batch_norm], bools[rules->add]));
    FET_TRY(put(t, "  activation_after_add: %s\n", bools[rules->activation_after_add]));
    FET_TRY(put(t, "  add_after_activation: %s\n", bools[rules->add_after_activation]));
    FET_TRY(put(t, "  activation_after_pool: %s\n  activations: [", bools[rules->activation_after_pool]));
    const char *joint = "";
    for (uint32_t a = 1; a < FET_ACTIVATION_COUNT; a++)
        if (rules->activations & 1u << a) {
            FET_TRY(put(t, "%s%s", joint, fet_activation_name((fet_activation_kind)a)));
            joint = ", ";
        }
    return put(t, "]\n");
}

static int by_key(const void *a, const void *b)
{
    const fet_recorded_kernel *x = a, *y = b;
    int order = memcmp(&x->key, &y->key, sizeof x->key);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static fet_status check_rows(const char *path, fet_recorded_kernel *kernels, uint32_t n, fet_dtype precision)
{
    char text_of[FET_KERNEL_KEY_TEXT_BYTES];
    if (n == 0) return fet_fail(FET_ERROR_CORRUPT, "%s: it holds no kernel", path);
    qsort(kernels, n, sizeof *kernels, by_key);
    for (uint32_t i = 0; i < n; i++) {
        bool plain = kernels[i].key.flags & FET_KERNEL_PLAIN_SRC;
        fet_kernel_key_print(&kernels[i].key, text_of, sizeof text_of);
        if (i && fet_kernel_key_equal(&kernels[i].key, &kernels[i - 1].key))
            return fet_fail(FET_ERROR_CORRUPT, "%s:%u: kernel \"%s\" stands in row %u already", path, kernels[i].row, text_of,
                            kernels[i - 1].row);
        if (kernels[i].key.precision != precision && !plain)
            return fet_fail(FET_ERROR_CORRUPT, "%s:%u: kernel \"%s\" is in %s: expected %s (--precision)", path, kernels[i].row, text_of,
                            fet_dtype_name((fet_dtype)kernels[i].key.precision), fet_dtype_name(precision));
    }
    return FET_OK;
}

static fet_status write_device(const char *csv_path, const char *device_path, const fet_fusion_rules *rules, fet_parallelism parallelism)
{
    text t = {0};
    char *table = realpath(csv_path, NULL);
    if (!table) return fet_fail(FET_ERROR_IO, "%s: cannot find where it is", csv_path);
    fet_status status = describe(&t, table, rules, parallelism);
    if (status == FET_OK) status = fet_file_replace(device_path, t.data, t.bytes);
    free(table); /* libc's */
    fet_free(t.data);
    return status;
}

fet_status fet_kit_sheet_import(const char *csv_path, const char *device_path, const fet_fusion_rules *rules, fet_parallelism parallelism,
                                fet_dtype precision, uint32_t *out_n)
{
    fet_recorded_kernel *kernels = NULL;
    uint32_t n = 0;
    if (fet_file_exists(device_path))
        return fet_fail(FET_ERROR_EXISTS, "%s is there already: remove it, or take another name", device_path);
    FET_TRY(fet_recorded_read(csv_path, &kernels, &n));
    fet_status status = check_rows(csv_path, kernels, n, precision);
    fet_free(kernels);
    if (status == FET_OK) status = write_device(csv_path, device_path, rules, parallelism);
    if (status == FET_OK) *out_n = n;
    return status;
}
