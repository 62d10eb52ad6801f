/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_H
#define OSR_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/bin.h"
#include "osier/err.h"
#include "osier/pid.h"

/* Typed messages: one declaration gives the struct, its descriptor and the functions that send it.
 *
 *     OSR_STRUCT(point, (1, i32, x), (2, i32, y));                   nested in messages; has no id
 *     OSR_MESSAGE(shape, 0x0201, (1, str, name), (2, list(of(point)), corners));
 *     OSR_REQUEST(area_of, 0x0202, area, (1, of(point), at), …);     area: a message, the reply
 *     OSR_STATE(counter, (1, i64, n));                               a server's state
 *     OSR_UNION(figure, (1, of(point), dot), (2, str, text));        one of these, or none
 *
 * Each takes 0 to 16 fields (tag, type, name) and stands at file scope, also in headers that
 * several files include. Tags are numbers chosen by the author, each once a type: they, not the
 * names, travel, so a field keeps its tag for ever and a removed one's is not used again. Ids are
 * unique in a program, non-zero; those below 0x100 are Osier's own.
 *
 *     type                      member
 *     bool i8…i64 u8…u64 f64    bool, int8_t…int64_t, uint8_t…uint64_t, double
 *     str  bin                  osr_str, osr_bin * (NULL: empty)
 *     pid  ref                  osr_pid, osr_ref
 *     of(S)                     S, by value; S declared by OSR_STRUCT or OSR_UNION
 *     list(T)                   struct { const T *at; uint32_t count; }; T any of the above
 *     opt(T)                    struct { bool is_set; T value; }; T any of the above but a list;
 *                               one that is not set does not travel; what hangs on an unset value
 *                               is not looked at
 *
 * A union is struct { uint32_t which; bool is_unknown; union { … }; } with a constant for each
 * alternative: figure f = {.which = figure_is_text, .text = osr_str_of("a")}. which is a tag, or
 * figure_is_none, which is 0; so tags of a union begin at 1 and end at INT_MAX. is_unknown, set by
 * the decoder only, says that it is none because the sender chose what is not declared here.
 * Alternatives are no lists and not optional: wrap those in an OSR_STRUCT.
 *
 * Of a message NAME that makes, typed:
 *     struct NAME, NAME_osr_type;
 *     osr_err NAME_send(self, to, &message)              a copy is sent; see osri_send()
 *     osr_err NAME_try_send(self, to, &message)          if that needs no wait; osri_try_send()
 *     osr_err NAME_send_all(self, dests, count, &message)    one copy for all; see osri_send_all()
 *     osr_err NAME_send_after(self, to, &message, ms, &timer)  sent later: see osri_send_at()
 *     osr_err NAME_send_at(self, to, &message, at_ns, &timer)
 *     osr_err NAME_new(self, room, &pointer)             built in place: see osri_build()
 *     osr_err NAME_give(self, to, &pointer)              and moved without a copy
 *     void NAME_drop(self, &pointer)                     or thrown away
 *     osr_err NAME_try_give(self, to, &pointer)          if that needs no wait; osri_try_give()
 * and of a request:
 *     osr_err NAME_call(self, to, &request, &reply, ms)              reply by value
 *     osr_err NAME_request(self, to, &request, ms, &reply_pointer)   reply given back by osr_free()
 *     osr_err NAME_begin(self, to, &request, &ref)                   answer by osr_await(self, ref,
 *     …)
 *     osr_err NAME_multi_call(self, nodes, count, name, &request, replies, errs, ms)
 *                                                                    see osri_multi_call()
 *
 * NAME_call does not compile for a reply that has str, bin or list anywhere in it: nobody would own
 * what they point to. A message that is sent is copied, so all in it is lent for the call only. */

OSR_BEGIN_DECLS

/* The largest message: struct, texts, lists and bins together, and what it is encoded to. */
#define OSR_MESSAGE_BYTES_MAX (UINT32_C(16) * 1024 * 1024)

/* ---- descriptors ----------------------------------------------------------------------- */

/* What a field is. Part of a type's shape, which travels: append, never reuse. */
typedef enum osr_kind {
    OSR_KIND_BOOL = 1,
    OSR_KIND_I8 = 2,
    OSR_KIND_I16 = 3,
    OSR_KIND_I32 = 4,
    OSR_KIND_I64 = 5,
    OSR_KIND_U8 = 6,
    OSR_KIND_U16 = 7,
    OSR_KIND_U32 = 8,
    OSR_KIND_U64 = 9,
    OSR_KIND_F64 = 10,
    OSR_KIND_STR = 11,
    OSR_KIND_BIN = 12,
    OSR_KIND_PID = 13,
    OSR_KIND_REF = 14,
    OSR_KIND_STRUCT = 15,
    OSR_KIND_UNION = 16,
    OSR_KIND_LIST = 0x100,     /* added to the kind of its elements */
    OSR_KIND_OPTIONAL = 0x200, /* added to the kind of its value */
} osr_kind;

typedef struct osr_type osr_type;

typedef struct osr_field {
    uint32_t tag;
    uint16_t kind;         /* osr_kind */
    uint16_t value_at;     /* of an optional member: where its value begins in it */
    uint32_t element_size; /* of the member, one element of a list, the value of an optional one */
    uint32_t offset;
    const char *name;
    const osr_type *nested; /* of OSR_KIND_STRUCT and OSR_KIND_UNION, else NULL */
} osr_field;

enum {
    OSR_TYPE_PLAIN = 1, /* no str, bin or list anywhere in it: a value that may be copied */
    OSR_TYPE_BINS = 2,  /* there are bins in it */
    OSR_TYPE_UNION = 4, /* its fields are alternatives: OSR_UNION */
};

/* A type, a constant made by the macros below. A program may hold several descriptors of one type
 * (one for each file that includes its header): compare ids, not addresses. */
struct osr_type {
    uint32_t id; /* 0: a nested struct, a union or a state */
    uint32_t field_count;
    uint32_t flags;
    uint32_t size;
    const char *name;
    const osr_field *fields; /* in order of declaration; NULL when there are none */
    const osr_type *reply;   /* of a request, else NULL */
    const char *file;        /* where it was declared */
    uint32_t line;
};

/* A number that two types share exactly if tags, kinds, nesting and order of their fields are the
 * same. It is the same on every node. Threads: any. Not a suspension point. */
OSR_API uint64_t osr_type_shape(const osr_type *type);

/* Writes a value as a person reads it: counter_add{by: 5, who: "me"}. Always NUL-terminated; what
 * does not fit is cut, and "…" says so. Returns the bytes written, without the NUL.
 * Threads: any. Not a suspension point. */
OSR_API size_t osr_print(const osr_type *type, const void *value, char *ret_text, size_t capacity);

/* A message whose type id is not known here: it came from a node that knows more. It can be
 * printed, and passed on as it is. */
typedef struct osr_dynamic {
    uint32_t type_id;
    osr_bin *payload; /* its fields: a msgpack map from tag to value */
} osr_dynamic;

#define OSR_DYNAMIC_ID 0x01
extern OSR_API const osr_type osr_dynamic_osr_type;

/* ---- sending and calling ---------------------------------------------------------------- */

/* The handle of a running process: osier/process.h. */
typedef struct osr_self osr_self;

/* Where a message goes: osr_to(), osr_name(), osr_to_alias() and osr_to_caller() make one. */
typedef struct osr_dest {
    osr_pid pid;
    const char *name;
    const char *node;
    uint64_t alias; /* not 0: pid's, or of a request; name is then "", which nobody has */
} osr_dest;

/* What stands behind NAME_send(): sends a copy; the result may be ignored.
 * Errors: OSR_ENOPROC an unregistered bare name of this node; OSR_ENOMEM; OSR_EINVAL over
 *   OSR_MESSAGE_BYTES_MAX, or a size without a pointer; OSR_EEXIT; and where the receiver, on this
 *   node, has bounded its mailbox (osier/mailbox.h): OSR_EFULL it rejects the message, or would
 *   have to wait for it itself; OSR_ETIMEDOUT it had no room in time.
 * Suspension point: a send costs as much of the turn as a receive, and lets others run when the
 * turn is used up; and while more than 1 MiB waits for another node, a process that sends to it
 * waits until less than 256 KiB does, first come first, or until the connection ends (or cannot be
 * made, at most 7 s later): then the message is dropped and counted. Messages above 256 KiB are
 * counted apart: while more than 4 MiB of them wait, until less than 1 MiB does. */
OSR_API osr_err osri_send(osr_self *self, osr_dest to, const osr_type *type, const void *message);

/* What stands behind NAME_try_send(): sends a copy if that can be done without waiting. The message
 * stays the caller's in any case; on an error nothing was sent, and nothing is counted. That a
 * bounded mailbox drops or forwards it is no error.
 * Errors: as osri_send(), without OSR_ETIMEDOUT; OSR_EFULL the receiver's mailbox is full, and it
 *   rejects messages or lets senders wait; OSR_EBUSY so much waits for that node that osri_send()
 *   would wait, or somebody does. Not a suspension point, though it costs as much of the turn. */
OSR_API OSR_MUST_CHECK osr_err osri_try_send(osr_self *self, osr_dest to, const osr_type *type,
                                             const void *message);

/* What stands behind NAME_send_all(): sends one message to many. It is copied once, into a body
 * that all of them share and nobody writes; each receiver has an envelope of its own.
 * Errors: as osri_send(), the first one; the others are sent to all the same. Suspension point, as
 *   osri_send(), once all are sent. */
OSR_API osr_err osri_send_all(osr_self *self, const osr_dest *dests, size_t count,
                              const osr_type *type, const void *message);

/* What stands behind NAME_send_at() and NAME_send_after(): a copy, made now, is sent when the time
 * has come (of osr_now(), never early; one that has passed: at once). A name is looked up then. To
 * a process that does not exist then, or an unregistered name, it is dropped and counted. The timer
 * is one of this process, as osr_timer_start() makes it: cancelled and read like that, and, unlike
 * Erlang's, gone with the process; one that was told to exit makes none (OSR_REF_NONE). Once a
 * process of this node to whose pid it was to go has ended, both say that there is none. Not a
 * suspension point.
 * Errors: OSR_ENOMEM; OSR_ELIMIT the node has timers_max; OSR_EINVAL as osri_send(), or to is an
 *   osr_to_caller(): an answer is not sent later. */
OSR_API OSR_MUST_CHECK osr_err osri_send_at(osr_self *self, osr_dest to, const osr_type *type,
                                            const void *message, uint64_t at_ns,
                                            osr_ref *ret_timer);
OSR_API OSR_MUST_CHECK osr_err osri_send_after(osr_self *self, osr_dest to, const osr_type *type,
                                               const void *message, uint64_t ms,
                                               osr_ref *ret_timer);

/* What stands behind NAME_call(): sends the request and waits for the reply. A request that the
 * other side takes from its mailbox only after timeout_ms is dropped there, unseen, and counted
 * (dropped_expired), on any node; on another one the way there does not count. Suspension point.
 * Errors: as osri_send(); OSR_ETIMEDOUT, after which a late reply is dropped; OSR_ENOPROC the
 *   process does not exist or ended; OSR_ENOCONNECTION; OSR_ESELF; OSR_ETYPE another type came
 *   back; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osri_call(osr_self *self, osr_dest to, const osr_type *request_type,
                                         const void *request, const osr_type *reply_type,
                                         void *ret_reply, uint32_t timeout_ms);

/* What stands behind NAME_multi_call(): asks the process registered as `name` on each of several
 * nodes (NULL: this one) at once, and waits for all, at most timeout_ms from here. errs[i] says
 * what became of node i: OSR_OK, and replies[i] is written; or what NAME_call() would have given.
 * The nodes whose err is not OSR_OK are Erlang's BadNodes. Late replies are dropped. Suspension
 * point. Errors: OSR_ENOMEM, OSR_EEXIT: nothing is written. */
OSR_API OSR_MUST_CHECK osr_err osri_multi_call(osr_self *self, const char *const *nodes,
                                               size_t count, const char *name,
                                               const osr_type *request_type, const void *request,
                                               const osr_type *reply_type, void *ret_replies,
                                               osr_err *ret_errs, uint32_t timeout_ms);

/* What stands behind NAME_begin(): sends the request and goes on; osr_await() takes the answer,
 * also that of several at once. Suspension point: no.
 * Errors: OSR_ENOPROC an unregistered bare name of this node; OSR_ESELF; OSR_ENOMEM; OSR_EINVAL as
 *   osri_send(); OSR_EEXIT. All else is the answer's. */
OSR_API OSR_MUST_CHECK osr_err osri_request_begin(osr_self *self, osr_dest to, const osr_type *type,
                                                  const void *request, osr_ref *ret_request);

/* What stands behind NAME_request(): the same, for replies of any type.
 * Ownership: *ret_reply is the caller's until osr_free(self, reply) or the process ends.
 * Suspension point. Errors: as osri_call(); OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osri_call_keep(osr_self *self, osr_dest to,
                                              const osr_type *request_type, const void *request,
                                              const osr_type *reply_type, const void **ret_reply,
                                              uint32_t timeout_ms);

/* ---- building in place ------------------------------------------------------------------ */

/* A message can be built where it will be read, and is then never copied on its node:
 *
 *     shape *message;
 *     point *corners;
 *     osr_err err = shape_new(self, 6 + 3 * sizeof(point), &message);
 *     if (err == OSR_OK) {
 *         err = osr_build_str(message, "house", 5, &message->name);
 *     }
 *     if (err == OSR_OK) {
 *         err = OSR_BUILD_LIST(message, message->corners, 3, corners);
 *     }
 *     if (err != OSR_OK) {
 *         shape_drop(self, &message);
 *         return err;
 *     }
 *     corners[0] = …;
 *     return shape_give(self, osr_to(pid), &message);
 *
 * `room` is what all its texts and lists will take: a text its bytes and one more, a list its
 * elements and up to 7 bytes before them. A message does not grow. A bin that is put into it is
 * given to it: osr_bin_ref() before, to go on using it. Each list and text has a room of its own.
 * Until it is given away it belongs to the process, and ends with it. */

/* What stands behind NAME_new(): *ret_message is zeroed.
 * Ownership: the process's, until given or dropped. Not a suspension point.
 * Errors: OSR_ENOMEM; OSR_EINVAL over OSR_MESSAGE_BYTES_MAX. */
OSR_API OSR_MUST_CHECK osr_err osri_build(osr_self *self, const osr_type *type, size_t room,
                                          void **ret_message);

/* What stands behind NAME_give(): sends the message itself. It is taken, and the caller's pointer
 * NULL, whatever comes back; so the result may be ignored. Suspension point, as osri_send().
 * Errors: OSR_EINVAL no message, or a text, list or union in it that is not as it must be: it
 *   leads out of the message, for one; OSR_ENOPROC an unregistered bare name of this node. */
OSR_API osr_err osri_give(osr_self *self, osr_dest to, void *message);

/* What stands behind NAME_try_give(): sends the message itself, unless it would have to wait.
 * Ownership: on OSR_OK it is taken, and the caller's pointer NULL; on an error it stays the
 *   process's, to be given, tried or dropped later. Not a suspension point.
 * Errors: as osri_give() and osri_try_send(); after OSR_EINVAL it can only be dropped. */
OSR_API OSR_MUST_CHECK osr_err osri_try_give(osr_self *self, osr_dest to, void *message);

/* What stands behind NAME_drop(): frees it, with its bins; NULL is accepted. Not a
 * suspension point. */
OSR_API void osri_drop(osr_self *self, void *message);

/* Copies a text into a message that is being built; *ret_str is the member that it is for.
 * Threads: the process's. Not a suspension point.
 * Errors: OSR_ELIMIT the room is used up; OSR_EINVAL bytes without text. */
OSR_API OSR_MUST_CHECK osr_err osr_build_str(void *message, const char *text, size_t size,
                                             osr_str *ret_str);

/* osr_err OSR_BUILD_LIST(message, list, count, elements): makes room for a list in a message that
 * is being built, enters it in the member `list`, and points the variable `elements` to it: zeroed,
 * to be filled until the message is given. Threads: the process's. Not a suspension point. Errors:
 * OSR_ELIMIT the room is used up. */
#define OSR_BUILD_LIST(message, list, count_, elements)                                            \
    ((void)sizeof((list).at == (elements)),                                                        \
     ((elements) =                                                                                 \
          (__typeof__(elements))osri_build_list((message), sizeof(*(elements)), (count_))) == NULL \
         ? OSR_ELIMIT                                                                              \
         : ((list).at = (elements), (list).count = (count_), OSR_OK))
OSR_API void *osri_build_list(void *message, size_t element_size, uint32_t count);

OSR_END_DECLS

/* ---- declarations ----------------------------------------------------------------------- */

#define OSR_MESSAGE(...)                                                                           \
    OSRI_JOIN(OSRI_MESSAGE_, OSRI_HAS_FIELDS_2(__VA_ARGS__))                                       \
    (__VA_ARGS__)
#define OSR_REQUEST(...)                                                                           \
    OSRI_JOIN(OSRI_REQUEST_, OSRI_HAS_FIELDS_3(__VA_ARGS__))                                       \
    (__VA_ARGS__)
#define OSR_STRUCT(...)                                                                            \
    OSRI_JOIN(OSRI_STRUCT_, OSRI_HAS_FIELDS_1(__VA_ARGS__))                                        \
    (__VA_ARGS__)
#ifdef __cplusplus
/* The descriptor of a server's state; OSR_STATE enters it. A plain struct has none. */
template <class state> struct osri_state {
    static constexpr const osr_type *type = nullptr;
};
#define OSR_STATE(...)                                                                             \
    OSR_STRUCT(__VA_ARGS__);                                                                       \
    OSRI_STATE_TYPE(OSRI_STATE_NAME(__VA_ARGS__, ))
#define OSRI_STATE_NAME(nm, ...) nm
#define OSRI_STATE_TYPE(nm) OSRI_STATE_TYPE_(nm)
#define OSRI_STATE_TYPE_(nm)                                                                       \
    template <> struct osri_state<nm> {                                                            \
        static constexpr const osr_type *type = &nm##_osr_type;                                    \
    }
#else
#define OSR_STATE(...) OSR_STRUCT(__VA_ARGS__)
#endif
#define OSR_UNION(nm, ...)                                                                         \
    typedef struct nm {                                                                            \
        uint32_t which;                                                                            \
        bool is_unknown;                                                                           \
        union {                                                                                    \
            OSRI_FIELDS(OSRI_MEMBER, nm, __VA_ARGS__)                                              \
        };                                                                                         \
    } nm;                                                                                          \
    enum { nm##_is_none = 0 OSRI_FIELDS(OSRI_CHOICE, nm, __VA_ARGS__) };                           \
    OSRI_DESCRIPTOR(nm, 0, NULL, OSR_KIND_UNION, case 0 :, __VA_ARGS__)

/* Initialises an optional member: {.limit = OSR_SOME(5)}; one that is left out is not set. */
#define OSR_SOME(...)                                                                              \
    {                                                                                              \
        true, __VA_ARGS__                                                                          \
    }

/* Sets an optional member: OSR_SET(message.limit, 5). */
#define OSR_SET(member, ...) ((member).value = (__VA_ARGS__), (void)((member).is_set = true))

/* _E: empty, _F: with fields. Each ends without a semicolon: that one is the user's. */
#define OSRI_STRUCT_E(nm) OSRI_EMPTY(nm, 0, NULL)
#define OSRI_STRUCT_F(nm, ...) OSRI_FULL(nm, 0, NULL, __VA_ARGS__)
#define OSRI_MESSAGE_E(nm, id_)                                                                    \
    OSRI_EMPTY(nm, id_, NULL);                                                                     \
    OSRI_SENDABLE(nm)
#define OSRI_MESSAGE_F(nm, id_, ...)                                                               \
    OSRI_FULL(nm, id_, NULL, __VA_ARGS__);                                                         \
    OSRI_SENDABLE(nm)
#define OSRI_REQUEST_E(nm, id_, rep)                                                               \
    OSRI_EMPTY(nm, id_, &rep##_osr_type);                                                          \
    OSRI_CALLABLE(nm, rep);                                                                        \
    OSRI_SENDABLE(nm)
#define OSRI_REQUEST_F(nm, id_, rep, ...)                                                          \
    OSRI_FULL(nm, id_, &rep##_osr_type, __VA_ARGS__);                                              \
    OSRI_CALLABLE(nm, rep);                                                                        \
    OSRI_SENDABLE(nm)

#define OSRI_EMPTY(nm, id_, reply_)                                                                \
    typedef struct nm {                                                                            \
        char osri_empty;                                                                           \
    } nm;                                                                                          \
    enum { nm##_osr_plain = 1, nm##_osr_bins = 0, nm##_osr_kind = OSR_KIND_STRUCT };               \
    OSRI_UNUSED static const osr_type nm##_osr_type = {                                            \
        id_, 0, OSR_TYPE_PLAIN, (uint32_t)sizeof(nm), #nm, NULL, reply_, __FILE__, __LINE__}

#define OSRI_FULL(nm, id_, reply_, ...)                                                            \
    typedef struct nm {                                                                            \
        OSRI_FIELDS(OSRI_MEMBER, nm, __VA_ARGS__)                                                  \
    } nm;                                                                                          \
    OSRI_DESCRIPTOR(nm, id_, reply_, OSR_KIND_STRUCT, , __VA_ARGS__)

/* The function is never called: two fields with one tag are two cases with one value. */
#define OSRI_DESCRIPTOR(nm, id_, reply_, kind_, taken_case, ...)                                   \
    enum {                                                                                         \
        nm##_osr_kind = kind_,                                                                     \
        nm##_osr_plain = 1 OSRI_FIELDS(OSRI_AND_PLAIN, nm, __VA_ARGS__),                           \
        nm##_osr_bins = 0 OSRI_FIELDS(OSRI_OR_BINS, nm, __VA_ARGS__)                               \
    };                                                                                             \
    OSRI_UNUSED static inline void nm##_osr_each_tag_is_unique(uint32_t tag)                       \
    {                                                                                              \
        switch (tag) {                                                                             \
            taken_case OSRI_FIELDS(OSRI_CASE, nm, __VA_ARGS__) default : break;                    \
        }                                                                                          \
    }                                                                                              \
    OSRI_UNUSED static const osr_field nm##_osr_fields[] = {                                       \
        OSRI_FIELDS(OSRI_DESCRIBE, nm, __VA_ARGS__)};                                              \
    OSRI_UNUSED static const osr_type nm##_osr_type = {                                            \
        id_,                                                                                       \
        OSRI_COUNT(__VA_ARGS__),                                                                   \
        (uint32_t)((int)nm##_osr_plain * (int)OSR_TYPE_PLAIN +                                     \
                   (int)nm##_osr_bins * (int)OSR_TYPE_BINS +                                       \
                   ((int)kind_ == (int)OSR_KIND_UNION ? (int)OSR_TYPE_UNION : 0)),                 \
        (uint32_t)sizeof(nm),                                                                      \
        #nm,                                                                                       \
        nm##_osr_fields,                                                                           \
        reply_,                                                                                    \
        __FILE__,                                                                                  \
        __LINE__}

#define OSRI_SENDABLE(nm)                                                                          \
    OSRI_IN_TYPES_SECTION static const osr_type *const nm##_osr_listed = &nm##_osr_type;           \
    OSRI_UNUSED static inline osr_err nm##_send(osr_self *self_, osr_dest to_, const nm *message_) \
    {                                                                                              \
        return osri_send(self_, to_, &nm##_osr_type, message_);                                    \
    }                                                                                              \
    OSRI_UNUSED OSR_MUST_CHECK static inline osr_err nm##_try_send(osr_self *self_, osr_dest to_,  \
                                                                   const nm *message_)             \
    {                                                                                              \
        return osri_try_send(self_, to_, &nm##_osr_type, message_);                                \
    }                                                                                              \
    OSRI_UNUSED static inline osr_err nm##_send_all(osr_self *self_, const osr_dest *dests_,       \
                                                    size_t count_, const nm *message_)             \
    {                                                                                              \
        return osri_send_all(self_, dests_, count_, &nm##_osr_type, message_);                     \
    }                                                                                              \
    OSRI_UNUSED static inline osr_err nm##_send_after(                                             \
        osr_self *self_, osr_dest to_, const nm *message_, uint64_t ms_, osr_ref *ret_timer_)      \
    {                                                                                              \
        return osri_send_after(self_, to_, &nm##_osr_type, message_, ms_, ret_timer_);             \
    }                                                                                              \
    OSRI_UNUSED static inline osr_err nm##_send_at(                                                \
        osr_self *self_, osr_dest to_, const nm *message_, uint64_t at_ns_, osr_ref *ret_timer_)   \
    {                                                                                              \
        return osri_send_at(self_, to_, &nm##_osr_type, message_, at_ns_, ret_timer_);             \
    }                                                                                              \
    OSRI_UNUSED static inline osr_err nm##_new(osr_self *self_, size_t room_, nm **ret_message_)   \
    {                                                                                              \
        void *message_ = NULL;                                                                     \
        osr_err err_ = osri_build(self_, &nm##_osr_type, room_, &message_);                        \
        if (err_ == OSR_OK) {                                                                      \
            *ret_message_ = (nm *)message_;                                                        \
        }                                                                                          \
        return err_;                                                                               \
    }                                                                                              \
    OSRI_UNUSED static inline osr_err nm##_give(osr_self *self_, osr_dest to_, nm **message_)      \
    {                                                                                              \
        nm *given_ = *message_;                                                                    \
        *message_ = NULL;                                                                          \
        return osri_give(self_, to_, given_);                                                      \
    }                                                                                              \
    OSRI_UNUSED OSR_MUST_CHECK static inline osr_err nm##_try_give(osr_self *self_, osr_dest to_,  \
                                                                   nm **message_)                  \
    {                                                                                              \
        osr_err err_ = osri_try_give(self_, to_, *message_);                                       \
        if (err_ == OSR_OK) {                                                                      \
            *message_ = NULL;                                                                      \
        }                                                                                          \
        return err_;                                                                               \
    }                                                                                              \
    OSRI_UNUSED static inline void nm##_drop(osr_self *self_, nm **message_)                       \
    {                                                                                              \
        nm *dropped_ = *message_;                                                                  \
        *message_ = NULL;                                                                          \
        osri_drop(self_, dropped_);                                                                \
    }                                                                                              \
    struct nm

#define OSRI_CALLABLE(nm, rep)                                                                     \
    typedef rep nm##_osr_reply;                                                                    \
    OSRI_UNUSED static inline osr_err nm##_call(osr_self *self_, osr_dest to_, const nm *request_, \
                                                OSRI_REPLY_PLACE(rep) ret_reply_,                  \
                                                uint32_t timeout_ms_)                              \
    {                                                                                              \
        return osri_call(self_, to_, &nm##_osr_type, request_, &rep##_osr_type,                    \
                         OSRI_REPLY_ADDRESS(rep, ret_reply_), timeout_ms_);                        \
    }                                                                                              \
    OSRI_UNUSED static inline osr_err nm##_multi_call(                                             \
        osr_self *self_, const char *const *nodes_, size_t count_, const char *name_,              \
        const nm *request_, OSRI_REPLY_PLACE(rep) ret_replies_, osr_err *ret_errs_,                \
        uint32_t timeout_ms_)                                                                      \
    {                                                                                              \
        return osri_multi_call(self_, nodes_, count_, name_, &nm##_osr_type, request_,             \
                               &rep##_osr_type, OSRI_REPLY_ADDRESS(rep, ret_replies_), ret_errs_,  \
                               timeout_ms_);                                                       \
    }                                                                                              \
    OSRI_UNUSED static inline osr_err nm##_request(osr_self *self_, osr_dest to_,                  \
                                                   const nm *request_, uint32_t timeout_ms_,       \
                                                   const rep **ret_reply_)                         \
    {                                                                                              \
        const void *reply_ = NULL;                                                                 \
        osr_err err_ = osri_call_keep(self_, to_, &nm##_osr_type, request_, &rep##_osr_type,       \
                                      &reply_, timeout_ms_);                                       \
        if (err_ == OSR_OK) {                                                                      \
            *ret_reply_ = (const rep *)reply_;                                                     \
        }                                                                                          \
        return err_;                                                                               \
    }                                                                                              \
    OSRI_UNUSED static inline osr_err nm##_begin(osr_self *self_, osr_dest to_,                    \
                                                 const nm *request_, osr_ref *ret_request_)        \
    {                                                                                              \
        return osri_request_begin(self_, to_, &nm##_osr_type, request_, ret_request_);             \
    }                                                                                              \
    struct nm

/* NAME_call()'s reply parameter: REPLY *, or for a reply that has variable-length data something
 * that nothing converts to, so that the compiler refuses on the caller's line. */
typedef struct osri_this_reply_has_variable_length_use_NAME_request {
    char unused;
} osri_this_reply_has_variable_length_use_NAME_request;

#ifdef __cplusplus
template <int is_plain, class reply_type> struct osri_reply_place {
    typedef osri_this_reply_has_variable_length_use_NAME_request type;
};
template <class reply_type> struct osri_reply_place<1, reply_type> {
    typedef reply_type *type;
};
template <class reply_type> inline void *osri_reply_address(reply_type *reply)
{
    return reply;
}
inline void *osri_reply_address(osri_this_reply_has_variable_length_use_NAME_request)
{
    return NULL;
}
#define OSRI_REPLY_PLACE(rep) osri_reply_place<rep##_osr_plain, rep>::type
#define OSRI_REPLY_ADDRESS(rep, place) osri_reply_address(place)
#else
#define OSRI_REPLY_PLACE(rep)                                                                      \
    __typeof__(__builtin_choose_expr(rep##_osr_plain, (rep *)0,                                    \
                                     *(osri_this_reply_has_variable_length_use_NAME_request *)0))
#define OSRI_REPLY_ADDRESS(rep, place) __builtin_choose_expr(rep##_osr_plain, place, NULL)
#endif

/* ---- the linker section: every message type of a program or library ---------------------- */

#if defined(__has_attribute)
#if __has_attribute(retain)
#define OSRI_IN_TYPES_SECTION __attribute__((used, retain, section("osr_types")))
#endif
#endif
#ifndef OSRI_IN_TYPES_SECTION
#define OSRI_IN_TYPES_SECTION __attribute__((used, section("osr_types")))
#endif

/* The types declared in one program or shared library. */
typedef struct osri_type_section {
    const osr_type *const *first;
    const osr_type *const *end;
} osri_type_section;

OSR_BEGIN_DECLS
extern __attribute__((weak, visibility("hidden"))) const osr_type *const __start_osr_types[];
extern __attribute__((weak, visibility("hidden"))) const osr_type *const __stop_osr_types[];
OSR_END_DECLS

/* Those of the program or library that the calling code is linked into; empty where it has none. */
static inline osri_type_section osri_types_here(void)
{
    osri_type_section section = {__start_osr_types, __stop_osr_types};
    return section;
}

/* ---- preprocessor kit -------------------------------------------------------------------- */

#define OSRI_UNUSED __attribute__((unused))
#define OSRI_JOIN(a, b) OSRI_JOIN_(a, b)
#define OSRI_JOIN_(a, b) a##b

/* A field type is a row: member, kind, plain?, bins?, element, nested descriptor. <stdbool.h> makes
 * _Bool of bool before it arrives here. There are no lists of lists; what may not stand in a list
 * or an optional field divides by zero. `struct S`: in C++ a member may have its type's name. */
#define OSRI_TYPE_bool bool, OSR_KIND_BOOL, 1, 0, bool, NULL
#define OSRI_TYPE__Bool bool, OSR_KIND_BOOL, 1, 0, bool, NULL
#define OSRI_TYPE_i8 int8_t, OSR_KIND_I8, 1, 0, int8_t, NULL
#define OSRI_TYPE_i16 int16_t, OSR_KIND_I16, 1, 0, int16_t, NULL
#define OSRI_TYPE_i32 int32_t, OSR_KIND_I32, 1, 0, int32_t, NULL
#define OSRI_TYPE_i64 int64_t, OSR_KIND_I64, 1, 0, int64_t, NULL
#define OSRI_TYPE_u8 uint8_t, OSR_KIND_U8, 1, 0, uint8_t, NULL
#define OSRI_TYPE_u16 uint16_t, OSR_KIND_U16, 1, 0, uint16_t, NULL
#define OSRI_TYPE_u32 uint32_t, OSR_KIND_U32, 1, 0, uint32_t, NULL
#define OSRI_TYPE_u64 uint64_t, OSR_KIND_U64, 1, 0, uint64_t, NULL
#define OSRI_TYPE_f64 double, OSR_KIND_F64, 1, 0, double, NULL
#define OSRI_TYPE_str osr_str, OSR_KIND_STR, 0, 0, osr_str, NULL
#define OSRI_TYPE_bin osr_bin *, OSR_KIND_BIN, 0, 1, osr_bin *, NULL
#define OSRI_TYPE_pid osr_pid, OSR_KIND_PID, 1, 0, osr_pid, NULL
#define OSRI_TYPE_ref osr_ref, OSR_KIND_REF, 1, 0, osr_ref, NULL
#define OSRI_TYPE_of(S) struct S, S##_osr_kind, S##_osr_plain, S##_osr_bins, S, &S##_osr_type
#define OSRI_TYPE_list(T) OSRI_LIST(OSRI_TYPE_##T)
#define OSRI_LIST(...) OSRI_LIST_(__VA_ARGS__)
#define OSRI_LIST_(member, kind, plain, bins, element, nested)                                     \
    struct {                                                                                       \
        member const *at;                                                                          \
        uint32_t count;                                                                            \
    }, (int)OSR_KIND_LIST | ((int)kind / (((int)kind & ~0xff) == 0)), 0, bins, element, nested
#define OSRI_TYPE_opt(T) OSRI_OPT(OSRI_TYPE_##T)
#define OSRI_OPT(...) OSRI_OPT_(__VA_ARGS__)
#define OSRI_OPT_(member, kind, plain, bins, element, nested)                                      \
    struct {                                                                                       \
        bool is_set;                                                                               \
        member value;                                                                              \
    }, (int)OSR_KIND_OPTIONAL | ((int)kind / (((int)kind & ~0xff) == 0)), plain, bins, element,    \
        nested
#ifdef __cplusplus
#define OSRI_ALIGNOF(type) alignof(type)
#else
#define OSRI_ALIGNOF(type) _Alignof(type)
#endif

/* What each field becomes in the struct, the constants, the switch and the descriptor. */
#define OSRI_MEMBER(nm, field) OSRI_MEMBER_1 field
#define OSRI_MEMBER_1(tag, type, name) OSRI_MEMBER_2(name, OSRI_TYPE_##type)
#define OSRI_MEMBER_2(...) OSRI_MEMBER_3(__VA_ARGS__)
#define OSRI_MEMBER_3(name, member, kind, plain, bins, element, nested) member name;
#define OSRI_AND_PLAIN(nm, field) OSRI_AND_PLAIN_1 field
#define OSRI_AND_PLAIN_1(tag, type, name) OSRI_AND_PLAIN_2(OSRI_TYPE_##type)
#define OSRI_AND_PLAIN_2(...) OSRI_AND_PLAIN_3(__VA_ARGS__)
#define OSRI_AND_PLAIN_3(member, kind, plain, bins, element, nested) &(int)plain
#define OSRI_OR_BINS(nm, field) OSRI_OR_BINS_1 field
#define OSRI_OR_BINS_1(tag, type, name) OSRI_OR_BINS_2(OSRI_TYPE_##type)
#define OSRI_OR_BINS_2(...) OSRI_OR_BINS_3(__VA_ARGS__)
#define OSRI_OR_BINS_3(member, kind, plain, bins, element, nested) | (int)bins
#define OSRI_CHOICE(nm, field) OSRI_CHOICE_1(nm, OSRI_BARE field)
#define OSRI_CHOICE_1(...) OSRI_CHOICE_2(__VA_ARGS__)
#define OSRI_CHOICE_2(nm, tag, type, name) OSRI_CHOICE_3(nm, tag, name, OSRI_TYPE_##type)
#define OSRI_CHOICE_3(...) OSRI_CHOICE_4(__VA_ARGS__)
#define OSRI_CHOICE_4(nm, tag, name, member, kind, plain, bins, element, nested)                   \
    , nm##_is_##name = (tag) / (((int)kind & ~0xff) == 0)
#define OSRI_CASE(nm, field) OSRI_CASE_1 field
#define OSRI_CASE_1(tag, type, name) case tag:
#define OSRI_DESCRIBE(nm, field) OSRI_DESCRIBE_1(nm, OSRI_BARE field)
#define OSRI_BARE(...) __VA_ARGS__
#define OSRI_DESCRIBE_1(...) OSRI_DESCRIBE_2(__VA_ARGS__)
#define OSRI_DESCRIBE_2(nm, tag, type, name) OSRI_DESCRIBE_3(nm, tag, name, OSRI_TYPE_##type)
#define OSRI_DESCRIBE_3(...) OSRI_DESCRIBE_4(__VA_ARGS__)
#define OSRI_DESCRIBE_4(nm, tag, name, member, kind, plain, bins, element, nested)                 \
    {tag,                                                                                          \
     (uint16_t)(kind),                                                                             \
     (uint16_t)(((int)(kind) & (int)OSR_KIND_OPTIONAL) != 0 ? OSRI_ALIGNOF(element) : 0),          \
     (uint32_t)sizeof(element),                                                                    \
     (uint32_t)offsetof(nm, name),                                                                 \
     #name,                                                                                        \
     nested},

/* Whether fields follow 1, 2 or 3 leading arguments: E or F. */
#define OSRI_HAS_FIELDS_1(...)                                                                     \
    OSRI_20TH(__VA_ARGS__, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, E, E)
#define OSRI_HAS_FIELDS_2(...)                                                                     \
    OSRI_20TH(__VA_ARGS__, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, E, E, E)
#define OSRI_HAS_FIELDS_3(...)                                                                     \
    OSRI_20TH(__VA_ARGS__, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, E, E, E, E)
#define OSRI_COUNT(...)                                                                            \
    OSRI_20TH(__VA_ARGS__, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define OSRI_20TH(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, \
                  a19, a20, ...)                                                                   \
    a20

/* macro(nm, field) for each of 1 to 16 fields. */
#define OSRI_FIELDS(macro, nm, ...)                                                                \
    OSRI_JOIN(OSRI_FIELDS_, OSRI_COUNT(__VA_ARGS__))                                               \
    (macro, nm, __VA_ARGS__)
#define OSRI_FIELDS_1(m, c, f) m(c, f)
#define OSRI_FIELDS_2(m, c, f, ...) m(c, f) OSRI_FIELDS_1(m, c, __VA_ARGS__)
#define OSRI_FIELDS_3(m, c, f, ...) m(c, f) OSRI_FIELDS_2(m, c, __VA_ARGS__)
#define OSRI_FIELDS_4(m, c, f, ...) m(c, f) OSRI_FIELDS_3(m, c, __VA_ARGS__)
#define OSRI_FIELDS_5(m, c, f, ...) m(c, f) OSRI_FIELDS_4(m, c, __VA_ARGS__)
#define OSRI_FIELDS_6(m, c, f, ...) m(c, f) OSRI_FIELDS_5(m, c, __VA_ARGS__)
#define OSRI_FIELDS_7(m, c, f, ...) m(c, f) OSRI_FIELDS_6(m, c, __VA_ARGS__)
#define OSRI_FIELDS_8(m, c, f, ...) m(c, f) OSRI_FIELDS_7(m, c, __VA_ARGS__)
#define OSRI_FIELDS_9(m, c, f, ...) m(c, f) OSRI_FIELDS_8(m, c, __VA_ARGS__)
#define OSRI_FIELDS_10(m, c, f, ...) m(c, f) OSRI_FIELDS_9(m, c, __VA_ARGS__)
#define OSRI_FIELDS_11(m, c, f, ...) m(c, f) OSRI_FIELDS_10(m, c, __VA_ARGS__)
#define OSRI_FIELDS_12(m, c, f, ...) m(c, f) OSRI_FIELDS_11(m, c, __VA_ARGS__)
#define OSRI_FIELDS_13(m, c, f, ...) m(c, f) OSRI_FIELDS_12(m, c, __VA_ARGS__)
#define OSRI_FIELDS_14(m, c, f, ...) m(c, f) OSRI_FIELDS_13(m, c, __VA_ARGS__)
#define OSRI_FIELDS_15(m, c, f, ...) m(c, f) OSRI_FIELDS_14(m, c, __VA_ARGS__)
#define OSRI_FIELDS_16(m, c, f, ...) m(c, f) OSRI_FIELDS_15(m, c, __VA_ARGS__)

#endif
