// SPDX-License-Identifier: Apache-2.0
/*
 * The expert's hand: "stage2.block0.form=ibn" keeps one option, "stage1.width=32,48" several, "multiplier!=x0.5" takes options away.
 * ".form" may be left out. A decision that is not searched keeps its base option alone, unless a lock names it.
 */
#include "space/internal.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { LIST_BYTES = 512, LONGEST_LOCK = 1024 };

/* "a, b, c, ..." as far as there is room. */
static void append_name(char *list, const char *name)
{
    size_t used = strlen(list);
    if (used + strlen(name) + 8 < LIST_BYTES) snprintf(list + used, LIST_BYTES - used, "%s%s", used ? ", " : "", name);
    else if (used < 4 || strcmp(list + used - 3, "...") != 0) snprintf(list + used, LIST_BYTES - used, ", ...");
}

/* `longer` is the word as it might have been written out; the nearest name is looked for by both. */
static fet_status unknown(const char *lock, const char *what, const char *word, const char *longer, const char *const *names, uint32_t n)
{
    char list[LIST_BYTES] = "";
    for (uint32_t i = 0; i < n; i++) append_name(list, names[i]);
    const char *nearest = fet_text_nearest(word, names, n);
    if (!nearest) nearest = fet_text_nearest(longer, names, n);
    return fet_fail(FET_ERROR_ARG, "lock \"%s\": there is no %s \"%s\"%s%s%s; known: %s", lock, what, word,
                    nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "", n ? list : "none");
}

static fet_status find_decision(const fet_space *space, const char *lock, const char *name, uint32_t *out_decision)
{
    const char *names[FET_SPACE_MAX_DECISIONS] = {0};
    char with_form[LONGEST_LOCK + 8];
    snprintf(with_form, sizeof with_form, "%s.form", name);
    for (uint32_t d = 0; d < space->encoding.n_decisions; d++) {
        names[d] = space->decisions[d].name;
        if (strcmp(names[d], name) != 0 && strcmp(names[d], with_form) != 0) continue;
        *out_decision = d;
        return FET_OK;
    }
    return unknown(lock, "decision", name, with_form, names, space->encoding.n_decisions);
}

static fet_status find_option(const fet_decision *decision, const char *lock, const char *label, uint32_t *out_option)
{
    const char *labels[FET_DECISION_MAX_OPTIONS] = {0};
    char what[96];
    for (uint32_t o = 0; o < decision->n_options; o++) {
        labels[o] = decision->options[o].label;
        if (strcmp(labels[o], label) != 0) continue;
        *out_option = o;
        return FET_OK;
    }
    snprintf(what, sizeof what, "option of %s", decision->name);
    return unknown(lock, what, label, label, labels, decision->n_options);
}

/* `text` is the lock, cut into pieces here. */
static fet_status apply(fet_space *space, const char *lock, char *text, bool *named)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text) return fet_fail(FET_ERROR_ARG, "lock \"%s\": expected decision=option, as in stage1.block0=fused", lock);
    bool except = equals[-1] == '!';
    equals[except ? -1 : 0] = '\0';
    uint32_t d = 0;
    FET_TRY(find_decision(space, lock, text, &d));
    fet_decision *decision = &space->decisions[d];
    bool listed[FET_DECISION_MAX_OPTIONS] = {false};
    for (char *label = equals + 1, *next; label; label = next) {
        next = strchr(label, ',');
        if (next) *next++ = '\0';
        uint32_t o = 0;
        FET_TRY(find_option(decision, lock, label, &o));
        listed[o] = true;
    }
    uint32_t left = 0;
    for (uint32_t o = 0; o < decision->n_options; o++) {
        if (listed[o] == except) decision->options[o].removed = true;
        left += !decision->options[o].removed;
    }
    named[d] = true;
    if (left == 0)
        return fet_fail(FET_ERROR_ARG, "lock \"%s\": no option of %s is left, together with the locks before it", lock, decision->name);
    return FET_OK;
}

fet_status space_lock(fet_space *space, const fet_space_options *options)
{
    bool named[FET_SPACE_MAX_DECISIONS] = {false};
    for (uint32_t i = 0; i < options->n_locks; i++) {
        char text[LONGEST_LOCK];
        if (strlen(options->locks[i]) >= sizeof text)
            return fet_fail(FET_ERROR_ARG, "a lock is longer than %d bytes: %.40s...", LONGEST_LOCK - 1, options->locks[i]);
        snprintf(text, sizeof text, "%s", options->locks[i]);
        FET_TRY(apply(space, options->locks[i], text, named));
    }
    for (uint32_t d = 0; d < space->encoding.n_decisions; d++) {
        fet_decision *decision = &space->decisions[d];
        bool width = decision->kind == FET_DECISION_WIDTH || decision->kind == FET_DECISION_MULTIPLIER;
        bool searched = width ? options->search_width : options->search_block_form;
        for (uint32_t o = 0; o < decision->n_options && !searched && !named[d]; o++)
            if (o != decision->base_option) decision->options[o].removed = true;
    }
    return FET_OK;
}
