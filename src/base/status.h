// SPDX-License-Identifier: Apache-2.0
/*
 * How a function says that it failed.
 *
 * A function that can fail returns fet_status; its outputs come last, are named out_* and are written only on success. The place where
 * the error is born calls fet_fail, which records one line for the user (file, place, value, what was expected) in a thread-local
 * record; nobody above overwrites it, but a caller that knows more may put a few words in front of it with fet_note.
 */
#ifndef FET_BASE_STATUS_H
#define FET_BASE_STATUS_H

#define FET_MUST_CHECK __attribute__((warn_unused_result))
#define FET_PRINTF(format_index, first_index) __attribute__((format(printf, format_index, first_index)))

/* The codes a caller can act on. */
typedef enum fet_status {
    FET_OK = 0,
    FET_ERROR_ARG = -1,         /* an argument, option or configuration value is wrong */
    FET_ERROR_SHAPE = -2,       /* tensor shapes do not fit together */
    FET_ERROR_UNSUPPORTED = -3, /* legal, but not something we can do */
    FET_ERROR_NOT_FOUND = -4,   /* a file, key or name does not exist */
    FET_ERROR_EXISTS = -5,      /* it is there already and must not be replaced */
    FET_ERROR_STATE = -6,       /* called in the wrong order, or the thing is not ready */
    FET_ERROR_LIMIT = -7,       /* larger than a stated limit */
    FET_ERROR_IO = -8,          /* the operating system refused: disk full, permission, broken pipe */
    FET_ERROR_CORRUPT = -9,     /* a file does not hold what its format says */
    FET_ERROR_NOMEM = -10,      /* no memory */
} fet_status;

/* Records a fresh message "..." for this thread and returns `code`. Use it where the error is born: return fet_fail(...). */
#define fet_fail(code, ...) fet_failed_((code), fet_fail_at((code), __FILE__, __LINE__, __VA_ARGS__))
fet_status fet_fail_at(fet_status code, const char *file, int line, const char *format, ...) FET_PRINTF(4, 5);

/* Says where compilers and analysers look that a failure is never FET_OK. */
static inline fet_status fet_failed_(fet_status code, fet_status recorded)
{
    (void)recorded;
    return code;
}

/* Puts "context: " in front of the message of the error that is on its way up; returns `code` unchanged. */
fet_status fet_note(fet_status code, const char *format, ...) FET_PRINTF(2, 3);

/* The message of this thread's last error: one line, never NULL, "" when there was none. Valid until the next fet_fail or fet_note. */
const char *fet_error_message(void);
/* Where in our sources it was born, "src/x/y.c:12"; for --verbose and bug reports. */
const char *fet_error_place(void);
void fet_error_clear(void);

/* "out of memory", "shape mismatch", ... */
const char *fet_status_name(fet_status code);

#define FET_TRY(expr)                                                                                                                      \
    do {                                                                                                                                   \
        fet_status try_status_ = (expr);                                                                                                   \
        if (try_status_ != FET_OK) return try_status_;                                                                                     \
    } while (0)

/*
 * Ownership by scope: `fet_auto(fet_graph) graph = NULL;` is destroyed on every return; fet_take moves it out.
 * FET_DEFINE_AUTO(type) stands beside each `type_destroy`.
 */
#define fet_auto(type) __attribute__((cleanup(type##_auto_))) type *
#define fet_take(pointer)                                                                                                                  \
    __extension__({                                                                                                                        \
        __typeof__(pointer) taken_ = (pointer);                                                                                            \
        (pointer) = NULL;                                                                                                                  \
        taken_;                                                                                                                            \
    })
#define FET_DEFINE_AUTO(type)                                                                                                              \
    static inline void type##_auto_(type **pointer)                                                                                        \
    {                                                                                                                                      \
        type##_destroy(*pointer);                                                                                                          \
    }                                                                                                                                      \
    struct fet_swallow_semicolon_

#endif
