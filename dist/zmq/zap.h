/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_ZMQ_ZAP_H
#define OSR_DIST_ZMQ_ZAP_H

#include "osier/err.h"

/* The key-checking thread of the context; started and stopped by context.c alone. */

/* Binds and starts; it answers when this returns. */
OSR_MUST_CHECK osr_err osri_zap_start(void *zmq_context);

/* Waits for the thread, which leaves once the context is shut down. */
void osri_zap_join(void);

#endif
