/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_ARCHITECTURE_H
#define OSR_ARCHITECTURE_H

#include "osier/message.h"

/* What a program is made of, said where it is written, so that compilers check it and tools read it
 * off a node:
 *
 *     OSR_INTERFACE(counter_api, counter_add, counter_get, counter_reset);
 *     OSR_SENDS(counter, (counter_changed, "observer"), (log_line, "log"));
 *
 *     counter_api api = counter_api_at(osr_name("counter", NULL));
 *     err = OSR_ASK(self, api, counter_add, &request, &reply, 1000);
 *     (void)OSR_TELL(self, api, counter_reset, &message);
 *
 * An interface names what a server accepts: 1 to 16 messages and requests, at file scope, also in
 * headers. Its handle is a destination on which nothing else compiles: "no member named
 * accepts_other" stands on the line of the call. Servers, entries, interfaces and what is sent are
 * constants in a linker section; each node collects them when it is made. */

OSR_BEGIN_DECLS

typedef struct osr_node osr_node; /* osier/node.h */
struct osr_entry;                 /* osier/process.h */
struct osr_server;                /* osier/server.h */

typedef enum osr_part_kind {
    OSR_PART_SERVER = 1, /* OSR_SERVER, OSR_SUPERVISOR: its handlers say what it takes */
    OSR_PART_ENTRY,      /* OSR_ENTRY */
    OSR_PART_INTERFACE,  /* OSR_INTERFACE: types */
    OSR_PART_SENDS,      /* OSR_SENDS: types, and to whom; of the server or entry called name */
} osr_part_kind;

/* One declaration. A constant; lives as long as the program. */
typedef struct osr_part {
    osr_part_kind kind;
    const char *name;
    const char *file; /* where it was declared */
    uint32_t line;
    const struct osr_entry *entry;   /* of all but an interface */
    const struct osr_server *server; /* of a server */
    uint32_t count;
    const osr_type *const *types; /* count of them, in order of declaration */
    const char *const *receivers; /* count of them, of OSR_PART_SENDS */
} osr_part;

/* ---- what a node knows ------------------------------------------------------------------ */

/* Writes the message types that the node knows, by id, to at most max places; returns how many
 * there are. Threads: any. Not a suspension point. */
OSR_API size_t osr_node_types(const osr_node *node, const osr_type **ret_types, size_t max);

/* Writes the parts of one kind, by name, to at most max places; returns how many there are. Servers
 * and entries of different files may have one name, if they are not exported. Threads: any. Not a
 * suspension point. */
OSR_API size_t osr_node_parts(const osr_node *node, osr_part_kind kind, const osr_part **ret_parts,
                              size_t max);

/* The servers, and the interfaces, of the program. Threads: any. */
static inline size_t osr_node_servers(const osr_node *node, const osr_part **ret_parts, size_t max)
{
    return osr_node_parts(node, OSR_PART_SERVER, ret_parts, max);
}

static inline size_t osr_node_interfaces(const osr_node *node, const osr_part **ret_parts,
                                         size_t max)
{
    return osr_node_parts(node, OSR_PART_INTERFACE, ret_parts, max);
}

OSR_END_DECLS

/* ---- declarations ----------------------------------------------------------------------- */

/* Declares an interface. Makes struct NAME, whose member `to` is the destination, and
 * NAME NAME_at(osr_dest to). */
#define OSR_INTERFACE(nm, ...)                                                                     \
    typedef struct nm {                                                                            \
        osr_dest to;                                                                               \
        union {                                                                                    \
            OSRI_FIELDS(OSRI_ACCEPTS, nm, __VA_ARGS__)                                             \
        };                                                                                         \
    } nm;                                                                                          \
    OSRI_UNUSED static inline nm nm##_at(osr_dest to)                                              \
    {                                                                                              \
        nm handle;                                                                                 \
        handle.to = to;                                                                            \
        return handle;                                                                             \
    }                                                                                              \
    OSRI_UNUSED static const osr_type *const nm##_osr_types[] = {                                  \
        OSRI_FIELDS(OSRI_TYPE_ADDRESS, nm, __VA_ARGS__)};                                          \
    OSRI_PART(nm##_osr_interface, OSR_PART_INTERFACE, #nm, NULL, NULL,                             \
              (uint32_t)(sizeof(nm##_osr_types) / sizeof(nm##_osr_types[0])), nm##_osr_types,      \
              NULL)

/* Declares what a server or entry sends and to whom: (message, "name of a process, server or
 * interface"), 1 to 16 of them. File scope, once, after the server or entry. */
#define OSR_SENDS(owner, ...)                                                                      \
    static const osr_type *const owner##_osr_sent_types[] = {                                      \
        OSRI_FIELDS(OSRI_SENT_TYPE, owner, __VA_ARGS__)};                                          \
    static const char *const owner##_osr_sent_to[] = {                                             \
        OSRI_FIELDS(OSRI_SENT_TO, owner, __VA_ARGS__)};                                            \
    OSRI_PART(owner##_osr_sends, OSR_PART_SENDS, #owner, &owner##_osr_entry, NULL,                 \
              (uint32_t)(sizeof(owner##_osr_sent_to) / sizeof(owner##_osr_sent_to[0])),            \
              owner##_osr_sent_types, owner##_osr_sent_to)

/* ---- sending through a handle ------------------------------------------------------------ */

/* For what the handle's interface accepts, and with the errors and suspension of what they call:
 *     osr_err OSR_ASK(self, handle, REQUEST, &request, &reply, ms)              REQUEST_call()
 *     osr_err OSR_ASK_KEEP(self, handle, REQUEST, &request, ms, &reply_pointer) REQUEST_request()
 *     osr_err OSR_TELL(self, handle, MESSAGE, &message)                         MESSAGE_send() */
#define OSR_ASK(self_, handle, request_type, ...)                                                  \
    request_type##_call((self_), OSRI_HANDLE_TO(handle, request_type), __VA_ARGS__)
#define OSR_ASK_KEEP(self_, handle, request_type, ...)                                             \
    request_type##_request((self_), OSRI_HANDLE_TO(handle, request_type), __VA_ARGS__)
#define OSR_TELL(self_, handle, message_type, ...)                                                 \
    message_type##_send((self_), OSRI_HANDLE_TO(handle, message_type), __VA_ARGS__)

/* ---- preprocessor kit -------------------------------------------------------------------- */

#define OSRI_HANDLE_TO(handle, type) ((void)sizeof((handle).accepts_##type), (handle).to)
#define OSRI_ACCEPTS(nm, type) char accepts_##type;
#define OSRI_TYPE_ADDRESS(nm, type) &type##_osr_type,
#define OSRI_SENT_TYPE(owner, item) OSRI_SENT_TYPE_ item
#define OSRI_SENT_TYPE_(type, to) &type##_osr_type,
#define OSRI_SENT_TO(owner, item) OSRI_SENT_TO_ item
#define OSRI_SENT_TO_(type, to) "" to,

/* A part and its place in the linker section. */
#define OSRI_PART(symbol, kind_, name_, entry_, server_, count_, types_, receivers_)               \
    static const osr_part symbol = {kind_,   name_,  __FILE__, __LINE__,  entry_,                  \
                                    server_, count_, types_,   receivers_};                        \
    OSRI_IN_PARTS_SECTION static const osr_part *const symbol##_listed = &symbol

#if defined(__has_attribute)
#if __has_attribute(retain)
#define OSRI_IN_PARTS_SECTION __attribute__((used, retain, section("osr_parts")))
#endif
#endif
#ifndef OSRI_IN_PARTS_SECTION
#define OSRI_IN_PARTS_SECTION __attribute__((used, section("osr_parts")))
#endif

#endif
