/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_H
#define OSR_OSIER_H

/* All of Osier. A program built on libosier-core alone includes what it needs one by one. */

#include "osier/application.h"
#include "osier/architecture.h"
#include "osier/dist.h"
#include "osier/dynamic.h"
#include "osier/env.h"
#include "osier/err.h"
#include "osier/global.h"
#include "osier/group.h"
#include "osier/info.h"
#include "osier/log.h"
#include "osier/mailbox.h"
#include "osier/main.h"
#include "osier/message.h"
#include "osier/node.h"
#include "osier/nodes.h"
#include "osier/output.h"
#include "osier/process.h"
#include "osier/reason.h"
#include "osier/rpc.h"
#include "osier/server.h"
#include "osier/supervisor.h"

#endif
