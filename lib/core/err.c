/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Names and texts of errors, from the one map in osier/err.h. */
#include "osier/err.h"

const char *osr_err_text(osr_err err)
{
    switch (err) {
#define X(name, value, text)                                                                       \
    case OSR_##name:                                                                               \
        return text;
        OSR_ERR_MAP(X)
#undef X
    }
    return "unknown error";
}

const char *osr_err_name(osr_err err)
{
    switch (err) {
#define X(name, value, text)                                                                       \
    case OSR_##name:                                                                               \
        return #name;
        OSR_ERR_MAP(X)
#undef X
    }
    return "unknown";
}
