// SPDX-License-Identifier: Apache-2.0
/*
 * The kit for a board elsewhere: a folder of one ONNX file a kernel (but for conversions and the long tail) and a sheet to fill in,
 * kernels.csv, whose format is that of a recorded device (recorded/recorded.h) with a number and a file more. Filled, the sheet is a
 * recorded device's table.
 */
#ifndef FET_DEVICE_KIT_SHEET_H
#define FET_DEVICE_KIT_SHEET_H

#include "device/kit/plan.h"

#define FET_KIT_SHEET_NAME "kernels.csv"

typedef struct fet_kit_sheet {
    uint32_t written, left_out; /* kernels; left out: a row, but no file, for they are no networks of their own */
    char first_left_out[FET_KERNEL_KEY_TEXT_BYTES];
} fet_kit_sheet;

/* Makes `folder`. A sheet that is there already is not overwritten: somebody may have filled it in (EXISTS). Errors: IO. */
FET_MUST_CHECK fet_status fet_kit_sheet_write(const fet_kit_plan *plan, const char *folder, fet_kit_sheet *out_sheet);

/*
 * Makes `device_path` ("board.yaml") a recorded device of the filled sheet, with these fusion rules and parallelism factors; *out_n
 * kernels. Errors: the sheet's, naming row and column (a row not filled in, a kernel twice); EXISTS when there is such a device.
 */
FET_MUST_CHECK fet_status fet_kit_sheet_import(const char *csv_path, const char *device_path, const fet_fusion_rules *rules,
                                               fet_parallelism parallelism, fet_dtype precision, uint32_t *out_n);

#endif
