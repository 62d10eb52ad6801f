/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_WORDCOUNT_CLIENT_H
#define OSR_WORDCOUNT_CLIENT_H

#include "messages.h"

/* Has a job done by the coordinator, and prints what happens and what comes out. Everything it
 * prints goes to standard output, what went wrong to standard error. Suspension point. Errors:
 * OSR_EFAILED the result is not exact; OSR_ENOCONNECTION no coordinator; OSR_EINVAL it refuses
 * the job. */
osr_err client_run(osr_self *self, const client_options *options);

/* Waits until the coordinator has the workers that it expects. Suspension point. Errors: as
 * above. */
osr_err client_wait(osr_self *self, const wait_options *options);

#endif
