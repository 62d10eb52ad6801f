/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/version.h"

const char *osri_version(void)
{
    return OSIER_VERSION;
}
