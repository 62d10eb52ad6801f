/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/boot/status.h"

#include <unistd.h>

osr_status osri_status_of_dist(osr_err err, const char *secret)
{
    switch (err) {
    case OSR_OK:
        return OSR_STATUS_OK;
    case OSR_EPERM:
    case OSR_EIO:
    case OSR_EPROTO:
        return OSR_STATUS_CONFIG;
    case OSR_EINVAL:
        return OSR_STATUS_USAGE;
    case OSR_ENOMEM:
        return OSR_STATUS_FAILED;
    case OSR_ENOTFOUND: /* the secret file, or the mapper's program */
        return secret != NULL && access(secret, F_OK) != 0 ? OSR_STATUS_CONFIG
                                                           : OSR_STATUS_UNAVAILABLE;
    default:
        return OSR_STATUS_UNAVAILABLE;
    }
}
