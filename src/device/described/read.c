// SPDX-License-Identifier: Apache-2.0
/* A device file's texts become a machine, field by field from the one list of them. */
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "device/described/raw.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum number_kind { REAL, WHOLE, BOOL, BYTES, HZ } number_kind;

typedef struct field {
    const char *path; /* "sram.size" */
    size_t raw_offset, offset;
    number_kind kind;
    double otherwise, low, high;
} field;

#define LINE_IN(raw_, path_, kind_, member_, otherwise_, low_, high_)                                                                      \
    {path_, offsetof(fet_device_raw, raw_), offsetof(fet_sim_machine, member_), kind_, otherwise_, low_, high_},
#define LINE_TOP(section, key, kind, member, otherwise, low, high) LINE_IN(key, #key, kind, member, otherwise, low, high)
#define LINE(section, key, kind, member, otherwise, low, high) LINE_IN(section.key, #section "." #key, kind, member, otherwise, low, high)
#define LINE_UNIT(section, key, kind, member, otherwise, low, high)                                                                        \
    LINE_IN(array.section.key, "array." #section "." #key, kind, member, otherwise, low, high)

static const field fields[] = {FET_DEVICE_TOP(LINE_TOP) FET_DEVICE_ARRAY(LINE) FET_DEVICE_UNIT(LINE_UNIT, int8, FET_SIM_INT8)
                                   FET_DEVICE_UNIT(LINE_UNIT, int16, FET_SIM_INT16) FET_DEVICE_UNIT(LINE_UNIT, fp16, FET_SIM_FP16)
                                       FET_DEVICE_UNIT(LINE_UNIT, bf16, FET_SIM_BF16) FET_DEVICE_BLOCKS(LINE) FET_DEVICE_VECTOR(LINE)
                                           FET_DEVICE_SRAM(LINE) FET_DEVICE_EXTERNAL(LINE) FET_DEVICE_MEMORY(LINE) FET_DEVICE_ENERGY(LINE)
                                               FET_DEVICE_FUSION(LINE)};
enum { N_FIELDS = sizeof fields / sizeof *fields, LIMIT_FILE_BYTES = 1 << 18 };

static const char *const dataflows[] = {"weight-stationary", "output-stationary", "input-stationary", "blocks"};
static const char *const depthwises[] = {"channels", "column", "vector"};
static const char *const kinds[] = {"described", "recorded", "measured"};

static const fet_yaml_kind file_kind = {.noun = "device", .example = "devices/npu-16.yaml", .schema = &fet_device_schema};

typedef struct unit {
    const char *name;
    double factor;
} unit;

/* A number and, where the field has units, one of them behind it; false when it is neither. */
static bool read_number(const char *text, number_kind kind, double *out)
{
    static const unit bytes[] = {{"", 1},        {"B", 1},    {"KiB", 1024}, {"MiB", 1048576}, {"K", 1024},
                                 {"M", 1048576}, {"KB", 1e3}, {"kB", 1e3},   {"MB", 1e6},      {"GB", 1e9}};
    static const unit hertz[] = {{"", 1}, {"Hz", 1}, {"kHz", 1e3}, {"MHz", 1e6}, {"GHz", 1e9}, {"M", 1e6}, {"G", 1e9}};
    const char *end = fet_yaml_number(text, out);
    if (!end) return false;
    end += strspn(end, " ");
    if (kind != BYTES && kind != HZ) return *end == '\0';
    const unit *units = kind == BYTES ? bytes : hertz;
    size_t n = kind == BYTES ? sizeof bytes / sizeof *bytes : sizeof hertz / sizeof *hertz;
    for (size_t i = 0; i < n; i++)
        if (strcmp(units[i].name, end) == 0) {
            *out *= units[i].factor;
            return true;
        }
    return false;
}

static double get(const fet_sim_machine *machine, const field *f)
{
    const char *at = (const char *)machine + f->offset;
    switch (f->kind) {
    case WHOLE: return *(const uint32_t *)(const void *)at;
    case BYTES: return (double)*(const uint64_t *)(const void *)at;
    case BOOL: return *(const bool *)at;
    default: return *(const double *)(const void *)at;
    }
}

static void set(fet_sim_machine *machine, const field *f, double value)
{
    char *at = (char *)machine + f->offset;
    switch (f->kind) {
    case WHOLE: *(uint32_t *)(void *)at = (uint32_t)value; break;
    case BYTES: *(uint64_t *)(void *)at = (uint64_t)value; break;
    case BOOL: *(bool *)at = value != 0; break;
    default: *(double *)(void *)at = value; break;
    }
}

static bool in_range(const field *f, double value)
{
    return value >= f->low && value <= f->high && (f->kind != WHOLE || value == floor(value));
}

static fet_status read_field(fet_yaml *yaml, const field *f, bool required, fet_sim_machine *machine)
{
    const char *text = *(char *const *)(const void *)((const char *)yaml->raw + f->raw_offset);
    double value = f->otherwise;
    if (!text && required && isnan(value)) return fet_yaml_fail(yaml, f->path, "it is missing: expected %g to %g", f->low, f->high);
    if (text && f->kind == BOOL) {
        bool truth = false;
        FET_TRY(fet_yaml_bool(yaml, text, f->path, false, &truth));
        value = truth;
    } else if (text) {
        const char *units = f->kind == BYTES ? " bytes, such as 512 KiB" : f->kind == HZ ? " Hz, such as 500 MHz" : "";
        if (!read_number(text, f->kind, &value) || !in_range(f, value))
            return fet_yaml_fail(yaml, f->path, "\"%.60s\": expected %s%g to %g%s", text, f->kind == WHOLE ? "a whole number, " : "",
                                 f->low, f->high, units);
    }
    set(machine, f, isnan(value) ? 0 : value);
    return FET_OK;
}

static fet_status read_activations(fet_yaml *yaml, const fet_device_raw_fusion *raw, uint32_t *out_mask)
{
    const char *names[FET_ACTIVATION_COUNT];
    for (uint32_t i = 0; i < FET_ACTIVATION_COUNT; i++) names[i] = fet_activation_name((fet_activation_kind)i);
    *out_mask = (1u << FET_ACTIVATION_RELU) | (1u << FET_ACTIVATION_CLIP);
    if (!raw->activations) return FET_OK;
    *out_mask = 0;
    for (uint32_t i = 0; i < raw->n_activations; i++) {
        char path[64];
        size_t index = 0;
        snprintf(path, sizeof path, "fusion.activations[%u]", i);
        FET_TRY(fet_yaml_choice(yaml, raw->activations[i], path, "activation", names + 1, FET_ACTIVATION_COUNT - 1, 0, &index));
        *out_mask |= 1u << (index + 1);
    }
    return FET_OK;
}

static fet_status read_parallelism(fet_yaml *yaml, const fet_device_raw *raw, fet_device_file *file)
{
    uint32_t out = 1, in = 1;
    for (uint32_t p = 0; p < FET_SIM_N_PRECISIONS; p++) {
        const fet_sim_parallelism *a = &file->machine.array[p];
        if (a->out == 0) continue;
        out = a->out, in = a->in;
        break;
    }
    if (file->kind == FET_DEVICE_DESCRIBED && file->machine.dataflow == FET_SIM_BLOCKS)
        out = 16, in = 32; /* bricks of 16; 32 channels a depth-first step */
    FET_TRY(fet_yaml_whole32(yaml, raw->parallelism.out, "parallelism.out", out, 1, 65536, &file->parallelism.out_channels));
    return fet_yaml_whole32(yaml, raw->parallelism.in, "parallelism.in", in, 1, 65536, &file->parallelism.in_channels);
}

static fet_status read_blocks(fet_yaml *yaml, fet_sim_machine *machine)
{
    static const char *const needed[] = {"ublock_w", "ublock_h", "ublock_d",  "shram_banks", "out_mul",
                                         "out_add",  "out_max",  "out_other", "act_clamp",   "act_table"};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
        char path[64];
        snprintf(path, sizeof path, "blocks.%s", needed[i]);
        if (!fet_yaml_find(yaml, path)) return fet_yaml_fail(yaml, path, "it is missing: dataflow \"blocks\" needs it");
    }
    fet_sim_blocks *b = &machine->blocks;
    b->ifm_ublock_w = b->ublock_w, b->ifm_ublock_h = b->ublock_h;
    /* Each micro-block's output reduces 8 inputs a cycle. */
    if (machine->array[FET_SIM_INT8].out == 0)
        machine->array[FET_SIM_INT8] = (fet_sim_parallelism){b->ublock_d * b->cores, 8, b->ublock_w * b->ublock_h};
    return FET_OK;
}

static fet_status read_machine(fet_yaml *yaml, fet_device_file *file)
{
    const fet_device_raw *raw = yaml->raw;
    fet_sim_machine *machine = &file->machine;
    size_t dataflow = 0, depthwise = 0;
    FET_TRY(fet_yaml_choice(yaml, raw->array.dataflow, "array.dataflow", "dataflow", dataflows, 4, 0, &dataflow));
    FET_TRY(fet_yaml_choice(yaml, raw->array.depthwise, "array.depthwise", "way to run depthwise", depthwises, 3, 0, &depthwise));
    machine->dataflow = (fet_sim_dataflow)dataflow, machine->depthwise = (fet_sim_depthwise)depthwise;
    for (uint32_t p = 0; p < FET_SIM_N_PRECISIONS; p++) /* out and in are said, pixels may be left out */
        if (machine->array[p].out && machine->array[p].in && !machine->array[p].pixels) machine->array[p].pixels = 1;
    if (machine->dataflow == FET_SIM_BLOCKS) FET_TRY(read_blocks(yaml, machine));
    double split = machine->sram_split[0] + machine->sram_split[1] + machine->sram_split[2];
    if (split > 1 + 1e-9) return fet_yaml_fail(yaml, "sram", "its shares are %g together: expected at most 1", split);
    fet_status status = fet_sim_machine_check(machine);
    return status == FET_OK ? FET_OK : fet_note(status, "%s:%zu", yaml->name, fet_yaml_line(yaml, "array"));
}

static fet_status keep(fet_device_file *file, const char *text, const char **out_text)
{
    *out_text = fet_arena_strdup(file->arena, text);
    return *out_text ? FET_OK : fet_arena_full();
}

static fet_status keep_beside(fet_device_file *file, const char *text, const char **out_path)
{
    const char *slash = strrchr(file->path, '/');
    *out_path = text[0] == '/' || !slash ? fet_arena_strdup(file->arena, text)
                                         : fet_arena_printf(file->arena, "%.*s/%s", (int)(slash - file->path), file->path, text);
    return *out_path ? FET_OK : fet_arena_full();
}

static fet_status read_file(fet_yaml *yaml, fet_device_file *file)
{
    const fet_device_raw *raw = yaml->raw;
    size_t index = 0;
    FET_TRY(fet_yaml_choice(yaml, raw->kind, "kind", "kind of device", kinds, 3, 0, &index));
    file->kind = (fet_device_kind)index;
    FET_TRY(keep(file, raw->help ? raw->help : "", &file->help));
    for (uint32_t i = 0; i < N_FIELDS; i++) FET_TRY(read_field(yaml, &fields[i], file->kind == FET_DEVICE_DESCRIBED, &file->machine));
    file->machine.name = file->name, file->machine.help = file->help;
    file->machine.fusion.name = file->name;
    FET_TRY(read_activations(yaml, &raw->fusion, &file->machine.fusion.activations));
    file->fusion = file->machine.fusion;
    if (file->kind == FET_DEVICE_DESCRIBED) FET_TRY(read_machine(yaml, file));
    FET_TRY(read_parallelism(yaml, raw, file));
    if (raw->isa) FET_TRY(keep(file, raw->isa, &file->isa));
    if (file->kind == FET_DEVICE_RECORDED && (!raw->table || !raw->table[0]))
        return fet_yaml_fail(yaml, "table", "it is missing: expected the CSV of measured kernels");
    return raw->table ? keep_beside(file, raw->table, &file->table) : FET_OK;
}

fet_status fet_device_file_parse(const char *path, const char *text, size_t bytes, fet_device_file **out_file)
{
    fet_auto(fet_device_file) file = NULL;
    FET_TRY(fet_alloc_zeroed(1, sizeof *file, "a device file", &file));
    FET_TRY(fet_arena_create(&file->arena));
    FET_TRY(keep(file, path, &file->path));
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path, *dot = strrchr(base, '.');
    file->name = fet_arena_printf(file->arena, "%.*s", (int)(dot && dot > base ? (size_t)(dot - base) : strlen(base)), base);
    if (!file->name) return fet_arena_full();
    file->hash = fet_hash(text, bytes);
    fet_yaml yaml;
    fet_status status = fet_yaml_init(&yaml, &file_kind, path, text, bytes);
    if (status == FET_OK) status = read_file(&yaml, file);
    fet_yaml_deinit(&yaml);
    FET_TRY(status);
    *out_file = fet_take(file);
    return FET_OK;
}

void fet_device_file_destroy(fet_device_file *file)
{
    if (!file) return;
    fet_arena_destroy(file->arena);
    fet_free(file);
}

fet_status fet_device_file_load(const char *name, fet_device_file **out_file)
{
    char *path = NULL;
    void *text = NULL;
    size_t bytes = 0;
    FET_TRY(fet_device_file_find(name, &path));
    fet_status status = fet_file_read(path, LIMIT_FILE_BYTES, &text, &bytes);
    if (status == FET_OK) status = fet_device_file_parse(path, text, bytes, out_file);
    fet_free(text);
    fet_free(path);
    return status;
}

fet_status fet_device_file_parallelism(const fet_device_options *options, fet_parallelism *out_parallelism)
{
    fet_auto(fet_device_file) file = NULL;
    FET_TRY(fet_device_file_load(options->name, &file));
    *out_parallelism = file->parallelism;
    return FET_OK;
}

static fet_status find_field(const char *name, const field **out_field)
{
    const char *names[N_FIELDS];
    const char *full = strcmp(name, "sram") == 0 ? "sram.size" : name;
    for (uint32_t i = 0; i < N_FIELDS; i++) {
        names[i] = fields[i].path;
        if (strcmp(fields[i].path, full) != 0) continue;
        *out_field = &fields[i];
        return FET_OK;
    }
    const char *nearest = fet_text_nearest(full, names, N_FIELDS);
    return fet_fail(FET_ERROR_ARG,
                    "there is no field \"%.60s\" of a device%s%s%s: expected such as sram.size, external.bytes_per_cycle or array.int8.out",
                    name, nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

fet_status fet_device_machine_set_number(fet_sim_machine *machine, const char *name, double value)
{
    const field *f = NULL;
    FET_TRY(find_field(name, &f));
    if (!in_range(f, value))
        return fet_fail(FET_ERROR_ARG, "%s = %g: expected %s%g to %g", f->path, value, f->kind == WHOLE ? "a whole number, " : "", f->low,
                        f->high);
    double before = get(machine, f);
    set(machine, f, value);
    fet_status status = fet_sim_machine_check(machine);
    if (status != FET_OK) set(machine, f, before);
    return status;
}

fet_status fet_device_machine_set(fet_sim_machine *machine, const char *name, const char *text, double *out_value)
{
    const field *f = NULL;
    double value = 0;
    FET_TRY(find_field(name, &f));
    if (!read_number(text, f->kind, &value))
        return fet_fail(FET_ERROR_ARG, "%s = \"%.60s\": expected a number, %g to %g", f->path, text, f->low, f->high);
    FET_TRY(fet_device_machine_set_number(machine, name, value));
    if (out_value) *out_value = value;
    return FET_OK;
}
