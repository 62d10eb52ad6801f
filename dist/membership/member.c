/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/membership/member.h"

#include <string.h>

#include "dist/identity/pack.h"

/* Members on the wire.
 *
 * Invariants
 *   I1  a record that was ended has 1 to OSRI_MEMBERS_RECORD_COUNT members and at most
 *       OSRI_MEMBERS_RECORD_BYTES; one is read only if it does.
 *   I2  what take() is given has a good name, a known state, a version of at least 1, and no
 *       control characters but the newlines that end its labels. */

#define MEMBER_FIELDS 8
#define FLAG_DRAINING 1
#define HEAD_BYTES 5          /* array of 2, kind, array of up to 65,535 */
#define MEMBER_BYTES_MAX 1600 /* the longest one, packed */

void osri_members_begin(osri_members_writer *writer)
{
    writer->size = HEAD_BYTES;
    writer->count = 0;
}

static void write_labels(osri_writer *out, const char *labels)
{
    char label[OSRI_MEMBER_LABEL_BYTES];
    uint32_t count = 0;

    for (const char *at = labels; *at != '\0'; at++) {
        count += *at == '\n';
    }
    osri_write_array(out, count);
    while (*labels != '\0') {
        size_t bytes = strcspn(labels, "\n");
        out->failed = out->failed || bytes >= sizeof(label) || labels[bytes] == '\0';
        if (out->failed) {
            return;
        }
        memcpy(label, labels, bytes);
        label[bytes] = '\0';
        osri_write_text(out, label);
        labels += bytes + 1;
    }
}

bool osri_members_add(osri_members_writer *writer, const osri_member *member)
{
    osri_writer out;

    if (writer->count == OSRI_MEMBERS_RECORD_COUNT) {
        return false;
    }
    osri_writer_init(&out, writer->bytes + writer->size, sizeof(writer->bytes) - writer->size);
    osri_write_array(&out, MEMBER_FIELDS);
    osri_write_text(&out, member->name);
    osri_write_uint(&out, member->creation);
    osri_write_uint(&out, member->version);
    osri_write_uint(&out, (uint64_t)member->state);
    osri_write_text(&out, member->endpoint);
    osri_write_bin(&out, member->key, OSRI_KEY_BYTES);
    osri_write_uint(&out, member->draining ? FLAG_DRAINING : 0);
    write_labels(&out, member->labels);
    if (out.failed) {
        return false;
    }
    writer->size += out.bytes;
    writer->count++;
    return true;
}

_Static_assert(HEAD_BYTES + MEMBER_BYTES_MAX < OSRI_MEMBERS_RECORD_BYTES, "one always fits");

/* The count's form depends on it, so the head is written last, right before the members. */
const uint8_t *osri_members_end(osri_members_writer *writer, size_t *ret_size)
{
    uint8_t head[HEAD_BYTES];
    osri_writer out;
    uint8_t *start;

    osri_writer_init(&out, head, sizeof(head));
    osri_write_array(&out, 2);
    osri_write_uint(&out, OSRI_RECORD_MEMBERS);
    osri_write_array(&out, writer->count);
    start = writer->bytes + HEAD_BYTES - out.bytes;
    memcpy(start, head, out.bytes);
    *ret_size = writer->size - (size_t)(start - writer->bytes);
    return start;
}

bool osri_members_is_record(const uint8_t *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x92 && bytes[1] == OSRI_RECORD_MEMBERS;
}

static void read_labels(osri_reader *in, char ret_labels[OSRI_MEMBER_LABELS_BYTES])
{
    uint32_t count = osri_read_array(in, OSRI_MEMBER_LABELS_MAX);
    size_t used = 0;

    for (uint32_t i = 0; i < count && !in->failed; i++) {
        osri_read_text(in, ret_labels + used, OSRI_MEMBER_LABEL_BYTES);
        in->failed = in->failed || ret_labels[used] == '\0';
        used += strlen(ret_labels + used);
        ret_labels[used++] = '\n';
    }
    ret_labels[used] = '\0';
}

static void read_member(osri_reader *in, void (*take)(void *context, const osri_member *member),
                        void *context)
{
    char name[OSRI_NAME_BYTES], endpoint[OSRI_ENDPOINT_BYTES], labels[OSRI_MEMBER_LABELS_BYTES];
    uint8_t key[OSRI_KEY_BYTES];
    osri_member member = {.name = name, .endpoint = endpoint, .labels = labels, .key = key};

    osri_read_array_of(in, MEMBER_FIELDS);
    osri_read_text(in, name, sizeof(name));
    member.creation = osri_read_uint(in, UINT64_MAX);
    member.version = osri_read_uint(in, UINT64_MAX);
    member.state = (osri_member_state)osri_read_uint(in, OSRI_MEMBER_LOST);
    osri_read_text(in, endpoint, sizeof(endpoint));
    osri_read_bin_exact(in, key, sizeof(key));
    member.draining = (osri_read_uint(in, UINT32_MAX) & FLAG_DRAINING) != 0;
    read_labels(in, labels);
    if (osri_node_name_check(name, strlen(name)) != OSR_OK || member.version == 0 ||
        member.state < OSRI_MEMBER_JOINED) {
        in->failed = true;
    }
    if (!in->failed) {
        take(context, &member);
    }
}

osr_err osri_members_read(const uint8_t *bytes, size_t size,
                          void (*take)(void *context, const osri_member *member), void *context)
{
    osri_reader in;
    uint32_t count;

    osri_reader_init(&in, bytes, size);
    osri_read_array_of(&in, 2);
    if (osri_read_uint(&in, UINT8_MAX) != OSRI_RECORD_MEMBERS || size > OSRI_MEMBERS_RECORD_BYTES) {
        return OSR_EPROTO;
    }
    count = osri_read_array(&in, OSRI_MEMBERS_RECORD_COUNT);
    in.failed = in.failed || count == 0;
    for (uint32_t i = 0; i < count && !in.failed; i++) {
        read_member(&in, take, context);
    }
    return osri_reader_is_done(&in) ? OSR_OK : OSR_EPROTO;
}
