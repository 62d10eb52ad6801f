/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_H
#define OSR_OSIER_H

/* All of Osier. Nodes together and osr_main() are there where libosier is installed; a program built on
 * libosier-core alone does without. */

#include "osier/application.h"
#include "osier/env.h"
#include "osier/err.h"
#include "osier/log.h"
#include "osier/message.h"
#include "osier/node.h"
#include "osier/process.h"
#include "osier/reason.h"
#include "osier/server.h"
#include "osier/supervisor.h"

#ifdef __has_include
#if __has_include("osier/main.h")
#include "osier/main.h"
#endif
#if __has_include("osier/dist.h")
#include "osier/dist.h"
#endif
#endif

#endif
