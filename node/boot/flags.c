/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/boot/flags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/membership/contact.h"
#include "lib/core/name.h"

/* A table of flags; each has a value or stands alone. --flag value and --flag=value mean the
 * same. */

typedef struct parse {
    osri_flags *flags;
    const char *host;
    char *text;
    size_t text_bytes;
} parse;

typedef struct flag {
    const char *name;
    const char *value; /* what the value is, for texts; NULL = stands alone */
    bool (*set)(parse *p, const char *value);
} flag;

static bool number(const char *value, uint32_t max, uint32_t *ret)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(value, &end, 10);
    if (errno != 0 || *value < '0' || *value > '9' || *end != '\0' || n > max) {
        return false;
    }
    *ret = (uint32_t)n;
    return true;
}

static bool set_name(parse *p, const char *value)
{
    const char *at = strchr(value, '@');
    int length = snprintf(p->flags->name, sizeof(p->flags->name), "%s%s%s", value,
                          at == NULL ? "@" : "", at == NULL ? p->host : "");
    return length > 0 && (size_t)length < sizeof(p->flags->name) &&
           osri_node_name_check(p->flags->name, (size_t)length) == OSR_OK;
}

static bool set_listen(parse *p, const char *value)
{
    p->flags->listen = value;
    return strncmp(value, "tcp://", 6) == 0;
}

static bool set_cluster(parse *p, const char *value)
{
    p->flags->cluster = value;
    return value[0] != '\0';
}

static bool set_secret(parse *p, const char *value)
{
    p->flags->secret = value;
    return value[0] != '\0';
}

static bool set_authority(parse *p, const char *value)
{
    p->flags->authority = value;
    return value[0] != '\0';
}

static bool set_key(parse *p, const char *value)
{
    p->flags->key = value;
    return value[0] != '\0';
}

static bool set_certificate(parse *p, const char *value)
{
    p->flags->certificate = value;
    return value[0] != '\0';
}

static bool set_revoked(parse *p, const char *value)
{
    p->flags->revoked = value;
    return value[0] != '\0';
}

static bool set_mapper_certificate(parse *p, const char *value)
{
    p->flags->mapper_certificate = value;
    return value[0] != '\0';
}

static bool set_policy(parse *p, const char *value)
{
    p->flags->policy = value;
    return value[0] != '\0';
}

static bool set_audit(parse *p, const char *value)
{
    p->flags->audit = value;
    return value[0] != '\0';
}

static bool add(const char **list, uint32_t *count, const char *value)
{
    if (*count == OSRI_FLAG_LIST_MAX || value[0] == '\0') {
        return false;
    }
    list[(*count)++] = value;
    return true;
}

static bool set_join(parse *p, const char *value)
{
    osri_contact contact;
    return osri_contact_parse(value, &contact) == OSR_OK &&
           add(p->flags->joins, &p->flags->join_count, value);
}

static bool set_contact_certificate(parse *p, const char *value)
{
    return add(p->flags->contact_certificates, &p->flags->contact_certificate_count, value);
}

static bool set_auto_connect(parse *p, const char *value)
{
    static const char *const names[] = {"always", "never", "once"};
    for (int i = OSR_AUTO_CONNECT_ALWAYS; i <= OSR_AUTO_CONNECT_ONCE; i++) {
        if (strcmp(value, names[i]) == 0) {
            p->flags->auto_connect = (osr_auto_connect)i;
            return true;
        }
    }
    return false;
}

static bool set_label(parse *p, const char *value)
{
    return add(p->flags->labels, &p->flags->label_count, value);
}

static bool set_schedulers(parse *p, const char *value)
{
    return number(value, 256, &p->flags->schedulers);
}

static bool set_mapper_port(parse *p, const char *value)
{
    return number(value, 65535, &p->flags->mapper_port) && p->flags->mapper_port != 0;
}

static bool set_idle_exit(parse *p, const char *value)
{
    return number(value, 1000000, &p->flags->mapper_idle_exit_s);
}

static bool set_tick(parse *p, const char *value)
{
    return number(value, 3600000, &p->flags->tick_ms) && p->flags->tick_ms >= 100;
}

static bool set_ready_fd(parse *p, const char *value)
{
    uint32_t fd;
    if (!number(value, 1048576, &fd)) {
        return false;
    }
    p->flags->ready_fd = (int)fd;
    return true;
}

static bool set_log(parse *p, const char *value)
{
    for (int level = OSR_LOG_ERROR; level <= OSR_LOG_DEBUG; level++) {
        if (strcmp(value, osr_log_level_name((osr_log_level)level)) == 0) {
            p->flags->log_level = (osr_log_level)level;
            return true;
        }
    }
    return false;
}

static bool set_flight(parse *p, const char *value)
{
    p->flags->flight = value;
    return value[0] != '\0';
}

static bool set_hidden(parse *p, const char *value)
{
    (void)value;
    return p->flags->hidden = true;
}

static bool set_no_mapper(parse *p, const char *value)
{
    (void)value;
    return p->flags->no_mapper = true;
}

static bool set_help(parse *p, const char *value)
{
    (void)value;
    return p->flags->help = true;
}

static bool set_version(parse *p, const char *value)
{
    (void)value;
    return p->flags->version = true;
}

static const flag flags[] = {
    {"--name", "a node's name of letters, digits, _, - and ., such as store or store@host",
     set_name},
    {"--listen", "an address such as tcp://0.0.0.0:9100 or tcp://127.0.0.1:9100-9199", set_listen},
    {"--join", "a node such as store@host or store@host:9100, or a host (at most 16)", set_join},
    {"--label", "a word, or a word=value (at most 16)", set_label},
    {"--auto-connect", "always, never or once", set_auto_connect},
    {"--cluster", "a cluster's name", set_cluster},
    {"--secret", "a file", set_secret},
    {"--authority", "a file", set_authority},
    {"--key", "a file", set_key},
    {"--certificate", "a file", set_certificate},
    {"--revoked", "a file", set_revoked},
    {"--mapper-certificate", "a file", set_mapper_certificate},
    {"--contact-certificate", "a file (at most 16)", set_contact_certificate},
    {"--policy", "a file", set_policy},
    {"--audit", "a file", set_audit},
    {"--schedulers", "a number from 0 to 256", set_schedulers},
    {"--mapper-port", "a port number", set_mapper_port},
    {"--mapper-idle-exit", "a number of seconds", set_idle_exit},
    {"--tick", "a number of milliseconds from 100 to 3600000", set_tick},
    {"--ready-fd", "a descriptor's number", set_ready_fd},
    {"--log", "error, warning, notice, info or debug", set_log},
    {"--flight", "a file", set_flight},
    {"--hidden", NULL, set_hidden},
    {"--no-mapper", NULL, set_no_mapper},
    {"--help", NULL, set_help},
    {"--version", NULL, set_version},
};

const char *osri_flags_help(void)
{
    return "  --name NAME[@HOST]   the node's name (default: the program's, @localhost; with "
           "--listen on\n"
           "                       another address than loopback, @ this host's name)\n"
           "  --listen ADDRESS     where other nodes connect (default tcp://127.0.0.1:9100-9199)\n"
           "  --join CONTACT       connect to it and stay connected; may be repeated:\n"
           "                       NAME@HOST (by its port mapper), NAME@HOST:PORT (without one),\n"
           "                       NAME@HOST=ADDRESS:PORT, NAME@*=HOST:PORT (a node at each\n"
           "                       address of HOST), or HOST (all nodes its mappers know)\n"
           "  --label WORD[=VALUE] what this node is for; may be repeated\n"
           "  --auto-connect WHEN  always (default), never, or once: whether sending to a node\n"
           "                       connects to it\n"
           "  --hidden             not shown to other nodes\n"
           "  --cluster NAME       which cluster it belongs to (default dev)\n"
           "  --secret FILE        the cluster's secret (default ~/.osier/cluster.secret)\n"
           "  --authority FILE     production: authority.pub, with --key node.key and\n"
           "                       --certificate node.cert (osier keys makes them)\n"
           "  --revoked FILE       certificates that no longer count: revoked.crl\n"
           "  --mapper-certificate FILE  the port mappers' own, to ask those of other machines\n"
           "  --contact-certificate FILE  node.cert of a contact that no mapper is asked for\n"
           "  --policy FILE        what peers may do here of what their certificates say:\n"
           "                       roles.policy\n"
           "  --audit FILE         write down what shells and peers ask for; refuse what changes\n"
           "                       anything when that cannot be written\n"
           "  --no-mapper          neither register at a port mapper nor ask one\n"
           "  --mapper-port PORT   the port mapper's port (default 4371)\n"
           "  --mapper-idle-exit S a mapper started for this node ends S seconds after its last "
           "node\n"
           "  --schedulers N       threads that run processes (default: one a core)\n"
           "  --tick MS            a silent node is given up after this time (default 10000)\n"
           "  --log LEVEL          error, warning, notice (default), info or debug\n"
           "  --flight FILE        where the last events go if the node dies of a fault\n"
           "                       (default: the newest ones to standard error)\n"
           "  --ready-fd FD        write a line to FD when the node is up\n"
           "  --help, --version\n";
}

static const flag *flag_find(const char *argument, size_t length)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strlen(flags[i].name) == length && strncmp(flags[i].name, argument, length) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

/* One flag and its value. Returns how many arguments it took, 0 on error. */
static int parse_one(parse *p, char **argv)
{
    const char *equals = strchr(argv[0], '=');
    size_t length = equals == NULL ? strlen(argv[0]) : (size_t)(equals - argv[0]);
    const flag *f = flag_find(argv[0], length);
    if (f == NULL) {
        (void)snprintf(p->text, p->text_bytes, "unknown argument %s; --help lists the flags",
                       argv[0]);
        return 0;
    }
    const char *value = equals != NULL ? equals + 1 : f->value != NULL ? argv[1] : NULL;
    if (f->value != NULL && value == NULL) {
        (void)snprintf(p->text, p->text_bytes, "%s wants %s", f->name, f->value);
        return 0;
    }
    if ((f->value == NULL && value != NULL) || !f->set(p, value)) {
        (void)snprintf(p->text, p->text_bytes, "%s wants %s, not \"%s\"", f->name,
                       f->value == NULL ? "no value" : f->value, value);
        return 0;
    }
    return f->value != NULL && equals == NULL ? 2 : 1;
}

osr_err osri_flags_parse(int argc, char **argv, const char *program, const char *host,
                         osri_flags *ret_flags, char *ret_text, size_t text_bytes)
{
    memset(ret_flags, 0, sizeof(*ret_flags));
    ret_flags->ready_fd = -1;
    parse p = {ret_flags, host, ret_text, text_bytes};
    for (int i = 1; i < argc;) {
        int taken = parse_one(&p, &argv[i]);
        if (taken == 0) {
            return OSR_EINVAL;
        }
        i += taken;
    }
    if (ret_flags->name[0] == '\0' && !set_name(&p, program)) {
        (void)snprintf(
            ret_text, text_bytes,
            "\"%s\" is no name for a node; type --name NAME, of letters, digits, _, - and .",
            program);
        return OSR_EINVAL;
    }
    return OSR_OK;
}
