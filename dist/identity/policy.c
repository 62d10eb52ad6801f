/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dist/identity/files.h"
#include "dist/identity/text_file.h"
#include "lib/core/heap.h"

/* roles.policy: reading and asking.
 *
 * Invariant: rules are read whole or not at all; a file with one bad line changes nothing. */

#define HEADER "# osier-roles-policy-1"

typedef struct rule {
    uint32_t role;
    char peer[OSRI_POLICY_PATTERN_BYTES];
    char entry[OSRI_POLICY_PATTERN_BYTES]; /* "": the role has none */
} rule;

struct osri_policy_rules {
    uint32_t count, capacity;
    rule *at;
};

typedef struct parser {
    const char *name;
    unsigned line;
    osri_policy_rules *rules;
    char *text;
    size_t text_bytes;
} parser;

static const struct {
    const char *word;
    uint32_t role;
    bool has_entries;
} roles[] = {
    {"spawn", OSRI_ROLE_SPAWN, true},
    {"supervise", OSRI_ROLE_SUPERVISE, true},
    {"shell-read", OSRI_ROLE_SHELL_READ, false},
    {"shell-write", OSRI_ROLE_SHELL_WRITE, false},
};

#define ROLE_COUNT (sizeof(roles) / sizeof(roles[0]))

static osr_err fail(const parser *p, osr_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static osr_err fail(const parser *p, osr_err err, const char *format, ...)
{
    char why[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    if (p->text_bytes > 0) {
        (void)snprintf(p->text, p->text_bytes, "%s: line %u: %s", p->name, p->line, why);
    }
    return err;
}

/* ---- reading ----------------------------------------------------------------------------- */

static osr_err add(parser *p, const rule *added)
{
    osri_policy_rules *rules = p->rules;

    if (rules->count == OSRI_POLICY_RULES_MAX) {
        return fail(p, OSR_EPROTO, "more than %d rules; a * stands for many names",
                    OSRI_POLICY_RULES_MAX);
    }
    if (rules->count == rules->capacity) {
        uint32_t capacity = rules->capacity == 0 ? 16 : 2 * rules->capacity;
        rule *grown = osri_heap_realloc(rules->at, rules->capacity * sizeof(*grown),
                                        capacity * sizeof(*grown));
        if (grown == NULL) {
            return fail(p, OSR_ENOMEM, "%s", osr_err_text(OSR_ENOMEM));
        }
        rules->at = grown;
        rules->capacity = capacity;
    }
    rules->at[rules->count++] = *added;
    return OSR_OK;
}

static bool is_peer(const char *word, size_t bytes)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.@*";

    return bytes < OSRI_POLICY_PATTERN_BYTES && strspn(word, allowed) >= bytes;
}

static bool is_entry(const char *word, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (word[i] < 0x21 || word[i] > 0x7e) {
            return false;
        }
    }
    return bytes < OSRI_POLICY_PATTERN_BYTES;
}

/* The next word of a line, which moves on; NULL: there is none. */
static const char *next_word(const char **line, size_t *ret_bytes)
{
    *line += strspn(*line, " \t");
    const char *word = *line;
    *ret_bytes = strcspn(word, " \t\r\n");
    *line += *ret_bytes;
    return *ret_bytes == 0 ? NULL : word;
}

static osr_err read_entries(parser *p, const char *line, rule *made)
{
    size_t bytes;
    const char *word = next_word(&line, &bytes);
    osr_err err = OSR_OK;

    if (word == NULL) {
        return fail(p, OSR_EPROTO, "no entry; type which ones the peer may start, or * for all");
    }
    for (; word != NULL && err == OSR_OK; word = next_word(&line, &bytes)) {
        if (!is_entry(word, bytes)) {
            return fail(p, OSR_EPROTO, "\"%.*s\" is no name of an entry",
                        (int)(bytes > 64 ? 64 : bytes), word);
        }
        memcpy(made->entry, word, bytes);
        made->entry[bytes] = '\0';
        err = add(p, made);
    }
    return err;
}

static osr_err read_rule(parser *p, const char *line)
{
    rule made = {.role = 0};
    size_t bytes = strcspn(line, ": \t\r\n");
    bool has_entries = false;
    const char *word = line;

    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (strlen(roles[i].word) == bytes && memcmp(roles[i].word, word, bytes) == 0) {
            made.role = roles[i].role;
            has_entries = roles[i].has_entries;
        }
    }
    if (made.role == 0 || word[bytes] != ':') {
        return fail(p, OSR_EPROTO,
                    "\"%.*s\" begins no rule; type spawn:, supervise:, shell-read: or shell-write:",
                    (int)(bytes > 64 ? 64 : bytes), word);
    }
    line += bytes + 1;
    word = next_word(&line, &bytes);
    if (word == NULL || !is_peer(word, bytes)) {
        return fail(p, OSR_EPROTO, "\"%.*s\" is no peer; type NAME@HOST, *@HOST, or * for all",
                    word == NULL ? 0 : (int)(bytes > 64 ? 64 : bytes), word == NULL ? "" : word);
    }
    memcpy(made.peer, word, bytes);
    if (has_entries) {
        return read_entries(p, line, &made);
    }
    word = next_word(&line, &bytes);
    if (word != NULL) {
        return fail(p, OSR_EPROTO, "\"%.*s\" is too much: a shell has no entries; one peer a line",
                    (int)(bytes > 64 ? 64 : bytes), word);
    }
    return add(p, &made);
}

static osr_err read_lines(parser *p, const char *text)
{
    osr_err err = OSR_OK;

    while (*text != '\0' && err == OSR_OK) {
        const char *end = text + strcspn(text, "\n");
        p->line++;
        text += strspn(text, " \t\r");
        if (text < end && *text != '#') {
            err = read_rule(p, text);
        }
        text = *end == '\0' ? end : end + 1;
    }
    return err;
}

osr_err osri_policy_rules_parse(const char *text, const char *name, osri_policy_rules **ret_rules,
                                char *ret_text, size_t text_bytes)
{
    parser p = {.name = name, .text = ret_text, .text_bytes = text_bytes, .line = 1};
    osr_err err;

    if (!osri_text_begins(text, HEADER)) {
        return fail(&p, OSR_EPROTO, "not a policy of roles; it begins with \"" HEADER "\"");
    }
    p.rules = osri_heap_zalloc(sizeof(*p.rules));
    if (p.rules == NULL) {
        return fail(&p, OSR_ENOMEM, "%s", osr_err_text(OSR_ENOMEM));
    }
    p.line = 0;
    err = read_lines(&p, text);
    if (err != OSR_OK) {
        osri_policy_rules_free(&p.rules);
        return err;
    }
    *ret_rules = p.rules;
    return OSR_OK;
}

osr_err osri_policy_rules_load(const char *path, osri_policy_rules **ret_rules, char *ret_text,
                               size_t text_bytes)
{
    char *data = osri_heap_alloc(OSRI_FILE_BYTES_MAX);
    osr_err err = OSR_ENOMEM;

    if (data == NULL) {
        if (text_bytes > 0) {
            (void)snprintf(ret_text, text_bytes, "%s: %s", path, osr_err_text(err));
        }
        return err;
    }
    err = osri_file_read(path, 022, data, OSRI_FILE_BYTES_MAX, ret_text, text_bytes);
    if (err == OSR_OK) {
        err = osri_policy_rules_parse(data, path, ret_rules, ret_text, text_bytes);
    }
    osri_heap_free(data, OSRI_FILE_BYTES_MAX);
    return err;
}

void osri_policy_rules_free(osri_policy_rules **rules)
{
    if (*rules != NULL) {
        osri_heap_free((*rules)->at, (*rules)->capacity * sizeof(*(*rules)->at));
        osri_heap_free(*rules, sizeof(**rules));
        *rules = NULL;
    }
}

/* ---- asking ------------------------------------------------------------------------------ */

/* Goes back to the last * only: a longer run of an earlier one could not match what this one does
 * not. */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            retry = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

void osri_policy_init(osri_policy *policy)
{
    osri_mutex_init(&policy->mutex, OSRI_RANK_LEAF);
    osri_mutex_lock(&policy->mutex);
    policy->rules = NULL;
    osri_mutex_unlock(&policy->mutex);
}

void osri_policy_fini(osri_policy *policy)
{
    osri_policy_rules *none = NULL;

    osri_policy_replace(policy, &none);
    osri_mutex_fini(&policy->mutex);
}

void osri_policy_replace(osri_policy *policy, osri_policy_rules **rules)
{
    osri_policy_rules *before;

    osri_mutex_lock(&policy->mutex);
    before = policy->rules;
    policy->rules = *rules;
    osri_mutex_unlock(&policy->mutex);
    *rules = NULL;
    osri_policy_rules_free(&before);
}

bool osri_policy_allows(osri_policy *policy, uint32_t role, const char *peer, const char *entry)
{
    bool allowed = false;

    if (policy == NULL) {
        return true;
    }
    osri_mutex_lock(&policy->mutex);
    const osri_policy_rules *rules = policy->rules;
    for (uint32_t i = 0; rules != NULL && i < rules->count && !allowed; i++) {
        const rule *r = &rules->at[i];
        allowed = r->role == role && matches(r->peer, peer) &&
                  (r->entry[0] == '\0' || (entry != NULL && matches(r->entry, entry)));
    }
    allowed = allowed || rules == NULL;
    osri_mutex_unlock(&policy->mutex);
    return allowed;
}
